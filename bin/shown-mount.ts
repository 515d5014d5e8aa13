import { metricsOf } from '../src/control/metrics.js';
import type { MountReport } from '../src/control/mount-report.js';
import type { OperatedMount } from '../src/control/operated-mount.js';
import { statsOf } from '../src/control/stats.js';
import { statusOf } from '../src/control/status.js';

/** The files of `/.d7y`. They are empty until the mount is served. */
export class ShownMount {
  #mount: OperatedMount | undefined;
  readonly files: ReadonlyMap<string, () => string> = new Map([
    ['status.json', this.#file((report) => inLines(statusOf(report)))],
    ['stats.json', this.#file((report) => inLines(statsOf(report)))],
    ['metrics.prom', this.#file(metricsOf)],
  ]);

  show(mount: OperatedMount): void {
    this.#mount = mount;
  }

  #file(write: (report: MountReport) => string): () => string {
    return () => (this.#mount === undefined ? '' : write(this.#mount.report()));
  }
}

function inLines(value: object): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
