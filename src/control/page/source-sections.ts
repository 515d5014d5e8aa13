/** The parts of the status page about what content comes from. */
import type { MountReport } from '../mount-report.js';
import { errorsOf } from '../status.js';
import { bytesText, countText, timeText } from './amounts.js';
import { type Html, html } from './html.js';
import type { PageScope } from './page-scope.js';
import { type Column, table } from './table.js';

export function sourceSection({ requests }: MountReport, scope: PageScope): Html {
  const hosts = requests.hosts.toSorted(
    (a, b) =>
      Number(b.isFailing) - Number(a.isFailing) ||
      sum(Object.values(b.requests)) - sum(Object.values(a.requests)),
  );
  const columns: Column<(typeof hosts)[number]>[] = [
    { name: 'Source', of: ({ scheme, host }) => `${scheme}://${host}` },
    { name: 'State, last error', of: ({ isFailing, lastError }) => sourceState(isFailing, lastError, scope) },
    { name: 'Requests', isNumber: true, of: (host) => countText(sum(Object.values(host.requests))) },
    { name: 'Errors', isNumber: true, of: (host) => countText(errorsOf(host.requests)) },
    { name: 'Received', isNumber: true, of: (host) => bytesText(sum(Object.values(host.receivedBytes))) },
  ];
  return table('Sources', columns, hosts, 'No source was used yet.');
}

type LastError = MountReport['requests']['hosts'][number]['lastError'];

/** Beside the name, where a narrow screen shows it. */
function sourceState(isFailing: boolean, lastError: LastError, scope: PageScope): Html {
  const state = isFailing ? 'failing' : 'ok';
  if (lastError === undefined) return html`<span class="${state}">${state}</span>`;
  const { atMs, code, message } = lastError;
  return html`<span class="${state}">${state}</span>
    <small><time>${timeText(atMs)}</time> ${scope === 'all' ? message : code}</small>`;
}

export function p2pSection({ p2p }: MountReport, scope: PageScope): Html {
  if (p2p === undefined) return html``;
  const rows = [
    ...Object.entries(p2p.requests).map(([name, count]) => ({ name: `Requests: ${name}`, count })),
    ...Object.entries(p2p.fallbacks).map(([name, count]) => ({
      name: `Continued at the source: ${name}`,
      count,
    })),
  ];
  const columns: Column<(typeof rows)[number]>[] = [
    { name: scope === 'all' ? `Through ${p2p.proxy}` : 'Through dfdaemon', of: ({ name }) => name },
    { name: 'Count', isNumber: true, of: ({ count }) => countText(count) },
  ];
  const isUp = p2p.brokenUntilMs === undefined;
  const note = html`<p class="${isUp ? 'up' : 'down'}">
    ${isUp ? 'dfdaemon is used.' : 'dfdaemon failed, and is left alone for a while.'}
    ${
      p2p.lastError === undefined || scope !== 'all'
        ? ''
        : html`<small class="quiet"
            >Last error: ${timeText(p2p.lastError.atMs)} ${p2p.lastError.message}</small
          >`
    }
  </p>`;
  return table('P2P', columns, rows, 'No request yet.', note);
}

export function jobSection({ warmJobs }: MountReport, scope: PageScope): Html {
  const { jobs } = warmJobs;
  if (jobs.length === 0) return html``;
  const columns: Column<(typeof jobs)[number]>[] = [
    { name: 'Job', of: ({ job, isCheck }) => `${job}${isCheck ? ', check only' : ''}` },
    {
      name: 'State',
      of: ({ state, error }) =>
        html`<span class="${state}">${state}</span>
          <small>${error && (scope === 'all' ? error.message : error.code)}</small>`,
    },
    {
      name: 'Files',
      isNumber: true,
      of: ({ files, totalFiles }) => `${countText(files)} of ${countText(totalFiles)}`,
    },
    { name: 'Failed', isNumber: true, of: ({ failed }) => countText(failed) },
    {
      name: 'Done',
      isNumber: true,
      of: ({ doneBytes, totalBytes }) => `${bytesText(doneBytes)} of ${bytesText(totalBytes)}`,
    },
    {
      name: 'Progress',
      of: ({ job, doneBytes, totalBytes }) =>
        html`<progress
          max="${Math.max(1, totalBytes)}"
          value="${doneBytes}"
          aria-label="Job ${job}"
        ></progress>`,
    },
  ];
  return table('Warm-up jobs', columns, jobs);
}

export function pluginSection({ clients }: MountReport, scope: PageScope): Html {
  const plugins = clients.filter(({ location }) => location !== 'in-tree');
  if (plugins.length === 0) return html``;
  const columns: Column<(typeof plugins)[number]>[] = [
    { name: 'Plugin', of: ({ scheme }) => scheme },
    { name: 'State', of: ({ state }) => html`<span class="${state}">${state}</span>` },
    { name: 'Calls', isNumber: true, of: ({ counters }) => countText(counters['calls'] ?? 0) },
    { name: 'Failed', isNumber: true, of: ({ counters }) => countText(counters['failures'] ?? 0) },
    { name: 'Memory', isNumber: true, of: ({ residentBytes = 0 }) => bytesText(residentBytes) },
  ];
  if (scope === 'all') {
    columns.push({ name: 'Last error', className: 'error', of: ({ lastError }) => lastError ?? '' });
  }
  return table('Plugins', columns, plugins);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
