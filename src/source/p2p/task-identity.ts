import { hash } from 'node:crypto';

import { isWeakEtag, type Validators } from '../request.js';
import { splitSignature } from './signature-parameters.js';

/** Another number where the same facts would stand for other bytes. */
const FORMAT = 1;

/**
 * From which dfdaemon makes the id of a task, and nothing else: equal texts share bytes, so that a new version is a new task. By a
 * strong entity tag the time makes no difference (S39), and not every node knows it: a listing may have brought the tag.
 */
export function taskIdentity(url: URL, pin: Validators, scope: string | undefined): string {
  const { etag, lastModifiedMs, contentLength } = pin;
  const isStrong = etag !== undefined && !isWeakEtag(etag);
  const facts = [
    'd7y-mount',
    FORMAT,
    withoutFragment(splitSignature(url).url),
    isStrong ? etag : null,
    isStrong ? null : (lastModifiedMs ?? null),
    contentLength ?? null,
    scope ?? null,
  ];
  return hash('sha256', JSON.stringify(facts), 'hex');
}

function withoutFragment(url: URL): string {
  const { href, hash } = url;
  return hash === '' ? href : href.slice(0, -hash.length);
}
