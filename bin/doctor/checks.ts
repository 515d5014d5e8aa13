/** The checks of `d7y-mount doctor`, in the order in which they are shown. */
import { checkCache, checkCacheSpace } from './cache-checks.js';
import type { Check } from './check.js';
import { checkConfiguration, checkSecrets } from './configuration-checks.js';
import { checkCredentials } from './credential-checks.js';
import {
  checkAllowOther,
  checkDevice,
  checkKernel,
  checkMtab,
  checkPrivilege,
  checkTransport,
} from './fuse-checks.js';
import { checkMemory, checkNode, checkOpenFiles, checkUnits, checkUpdatedb } from './host-checks.js';
import { checkHidden, checkLeftovers, checkMounts, checkPropagation } from './mount-checks.js';
import { checkClock, checkNames, checkProxies, checkTls } from './network-checks.js';
import { checkP2p } from './p2p-check.js';
import { checkPreconditions, checkRanges, checkUrls, checkValidators } from './url-checks.js';

export const CHECKS: readonly Check[] = [
  { id: 'node', run: checkNode },
  { id: 'config', run: checkConfiguration },
  { id: 'secrets', run: checkSecrets },
  { id: 'device', run: checkDevice },
  { id: 'privilege', run: checkPrivilege },
  { id: 'allow-other', run: checkAllowOther },
  { id: 'kernel', run: (setUp) => checkKernel(setUp) },
  { id: 'transport', run: checkTransport },
  { id: 'mtab', run: checkMtab },
  { id: 'cache', run: checkCache },
  { id: 'cache-space', run: checkCacheSpace },
  { id: 'open-files', run: (setUp) => checkOpenFiles(setUp) },
  { id: 'memory', run: (setUp) => checkMemory(setUp) },
  { id: 'clock', run: checkClock },
  { id: 'dns', run: checkNames },
  { id: 'proxy', run: checkProxies },
  { id: 'tls', run: (setUp) => checkTls(setUp) },
  { id: 'url', run: checkUrls },
  { id: 'credentials', run: checkCredentials },
  { id: 'ranges', run: checkRanges },
  { id: 'validators', run: checkValidators },
  { id: 'precondition', run: checkPreconditions },
  { id: 'p2p', run: checkP2p },
  { id: 'mount', run: checkMounts },
  { id: 'hidden', run: checkHidden },
  { id: 'propagation', run: (setUp) => checkPropagation(setUp) },
  { id: 'leftovers', run: checkLeftovers },
  { id: 'systemd', run: checkUnits },
  { id: 'updatedb', run: (setUp) => checkUpdatedb(setUp) },
];
