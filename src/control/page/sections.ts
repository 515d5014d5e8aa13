/** The parts of the status page about the mount itself. */
import type { HistogramCounts } from '../../histogram.js';
import { errnoName } from '../../errno-name.js';
import type { MountReport } from '../mount-report.js';
import { bytesText, countText, durationText, shareText } from './amounts.js';
import { type Html, html } from './html.js';
import type { PageScope } from './page-scope.js';
import { type Column, table } from './table.js';

/** The figures that matter first. Those that a script brings are empty without it. */
export function tiles({ activity, cache, handles }: MountReport, up: string): Html {
  const { memory, disk, ...others } = cache.activity.reads;
  const hits = memory + disk;
  const figures: readonly [id: string, name: string, value: string, more: string][] = [
    ['hits', 'Hit rate', shareText(hits, hits + sum(Object.values(others))), 'of reads, since the start'],
    ['open', 'Open files', countText(handles.files), `${countText(handles.directories)} directories`],
    [
      'waiting',
      'In flight',
      countText(activity.inFlight),
      activity.inFlight === 0
        ? 'no request waits'
        : `the oldest for ${durationText(activity.oldestMs / 1000)}`,
    ],
    ['up', 'Up', up, ''],
  ];
  return html`<dl class="tiles">
    <div>
      <dt>Reading</dt>
      <dd><span id="rate">–</span><small id="operations"></small></dd>
    </div>
    ${figures.map(
      ([id, name, value, more]) =>
        html`<div>
          <dt>${name}</dt>
          <dd id="tile-${id}" data-live>${value}<small>${more}</small></dd>
        </div>`,
    )}
  </dl>`;
}

/** The chart. Its numbers for the script are in `counts`. */
export function readSection({ activity, cache, p2p, startedAtMs }: MountReport, nowMs: number): Html {
  const { readBytes } = cache.activity;
  const routes = Object.entries(readBytes).filter(([route]) => route !== 'p2p' || p2p !== undefined);
  const counts = {
    ...readBytes,
    time: nowMs,
    started: startedAtMs,
    operations: sum(activity.operations.flatMap(({ durations }) => durations.counts)),
  };
  return html`<section aria-labelledby="reads-title">
    <h2 id="reads-title">Reads by route, in the last three minutes</h2>
    <figure>
      <div class="plot">
        <svg
          viewBox="0 0 600 160"
          preserveAspectRatio="none"
          role="img"
          aria-label="Bytes of reads by route, in the last three minutes"
        >
          <line x1="0" y1="0" x2="600" y2="0"></line>
          <line x1="0" y1="80" x2="600" y2="80"></line>
          ${routes.map(([route]) => html`<polygon class="${route}"></polygon>`)}
        </svg>
        <span id="top"></span>
      </div>
      <figcaption>
        <ul class="routes">
          ${routes.map(
            ([route, bytes]) =>
              html`<li>
                <i class="${route}"></i>${route} <b id="rate-${route}"></b>
                <span class="quiet" id="total-${route}" data-live>${bytesText(bytes)} in all</span>
              </li>`,
          )}
        </ul>
      </figcaption>
    </figure>
    <p class="quiet">
      What the kernel serves from its page cache, or by itself from complete local copies, is not among them.
    </p>
    <div
      id="counts"
      hidden
      ${Object.entries(counts).map(([name, value]) => html` data-${name}="${value}"`)}
    ></div>
  </section>`;
}

export function requestSection({ activity }: MountReport): Html {
  type Operation = (typeof activity.operations)[number];
  const columns: Column<Operation>[] = [
    { name: 'Operation', of: ({ name }) => name },
    { name: 'Count', isNumber: true, of: ({ durations }) => countText(sum(durations.counts)) },
    { name: 'Mean', isNumber: true, of: ({ durations }) => mean(durations) },
    { name: 'Half within', isNumber: true, of: ({ durations }) => within(durations, 0.5) },
    { name: '99 % within', isNumber: true, of: ({ durations }) => within(durations, 0.99) },
    {
      name: 'Errors',
      className: 'error',
      of: ({ errors }) =>
        errors.map(({ errno, count }) => `${countText(count)} ${errnoName(errno)}`).join(', '),
    },
  ];
  const operations = activity.operations.toSorted(
    (a, b) => sum(b.durations.counts) - sum(a.durations.counts),
  );
  return table('Requests of the kernel', columns, operations, 'None yet.');
}

export function cacheSection({ cache }: MountReport, scope: PageScope): Html {
  const { memory, metadata, disk } = cache;
  const rows: { name: string; bytes: number | undefined; limit: number; note: string }[] = [
    { name: 'Memory', bytes: memory.bytes, limit: memory.limitBytes, note: '' },
    { name: 'Metadata', bytes: metadata.bytes, limit: metadata.limitBytes, note: '' },
  ];
  if (disk !== undefined) {
    const where = scope === 'all' ? disk.directory : '';
    const note = disk.usedBytes === undefined ? `${where} (another process writes it)` : where;
    rows.push({ name: 'Disk', bytes: disk.usedBytes, limit: disk.limitBytes, note });
  }
  const columns: Column<(typeof rows)[number]>[] = [
    { name: 'Cache', of: ({ name }) => name },
    { name: 'Used', isNumber: true, of: ({ bytes }) => (bytes === undefined ? '–' : bytesText(bytes)) },
    { name: 'Limit', isNumber: true, of: ({ limit }) => bytesText(limit) },
    {
      name: 'Share',
      of: ({ name, bytes = 0, limit }) =>
        html`<meter min="0" max="${limit}" value="${bytes}" aria-label="${name}">
          ${shareText(bytes, limit)}
        </meter>`,
    },
    { name: 'Where', className: 'error', of: ({ note }) => note },
  ];
  return table('Caches', columns, rows);
}

export function processSection({ process, logMessages }: MountReport): Html {
  const lag = process.lag?.quantiles ?? [];
  const rows = [
    { name: 'Resident memory', value: bytesText(process.residentBytes) },
    { name: 'Buffers', value: bytesText(process.externalBytes) },
    { name: 'Processor time', value: durationText(process.cpuSeconds) },
    ...lag
      .filter(([quantile]) => quantile >= 0.99)
      .map(([quantile, seconds]) => ({
        name: quantile === 1 ? 'Event loop, at most late by' : 'Event loop, 99 % late by less than',
        value: durationText(seconds),
      })),
    { name: 'Warnings in the log', value: countText(logMessages['warn'] ?? 0) },
    {
      name: 'Errors in the log',
      value: countText((logMessages['error'] ?? 0) + (logMessages['fatal'] ?? 0)),
    },
  ];
  const columns: Column<(typeof rows)[number]>[] = [
    { name: 'What', of: ({ name }) => name },
    { name: 'Value', isNumber: true, of: ({ value }) => value },
  ];
  return table('The process', columns, rows);
}

function mean({ counts, sumMs }: HistogramCounts): string {
  const count = sum(counts);
  return count === 0 ? '–' : durationText(sumMs / count / 1000);
}

/** The bound of the bucket that the share ends in. */
function within({ boundsMs, counts }: HistogramCounts, share: number): string {
  const target = sum(counts) * share;
  if (target === 0) return '–';
  let below = 0;
  const bound = boundsMs[counts.findIndex((count) => (below += count) >= target)];
  return bound === undefined ? 'longer' : durationText(bound / 1000);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
