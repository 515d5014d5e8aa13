import { metricsOf } from '../src/control/metrics.js';
import type { MountReport } from '../src/control/mount-report.js';
import type { OperatedMount } from '../src/control/operated-mount.js';
import { statsOf } from '../src/control/stats.js';
import { statusOf } from '../src/control/status.js';
import type { ControlFiles } from '../src/mount/control-files.js';
import { effectiveFile } from './config/effective.js';
import type { LiveConfiguration } from './config/live-configuration.js';

/** What `/.d7y` shows of the mount. */
export class ShownMount {
  #mount: OperatedMount | undefined;

  /** Before, what it shows of the mount is empty. */
  show(mount: OperatedMount): void {
    this.#mount = mount;
  }

  texts(configuration: LiveConfiguration): ControlFiles['texts'] {
    return new Map([
      ['status.json', this.#text((report) => inLines(statusOf(report)))],
      ['stats.json', this.#text((report) => inLines(statsOf(report)))],
      ['metrics.prom', this.#text(metricsOf)],
      ['config.yaml', () => effectiveFile(configuration.current, true)],
    ]);
  }

  #text(write: (report: MountReport) => string): () => string {
    return () => (this.#mount === undefined ? '' : write(this.#mount.report()));
  }
}

function inLines(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
