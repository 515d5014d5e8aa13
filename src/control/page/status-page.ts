/** `/`: one document that needs nothing else, and whose figures are there without a script too. */
import { hash } from 'node:crypto';

import type { MountReport } from '../mount-report.js';
import { durationText, timeText } from './amounts.js';
import { Html, html } from './html.js';
import { SCRIPT } from './script.js';
import type { PageScope } from './page-scope.js';
import { cacheSection, processSection, readSection, requestSection, tiles } from './sections.js';
import { jobSection, p2pSection, pluginSection, sourceSection } from './source-sections.js';
import { STYLE } from './style.js';

/** Runs and shows what is in the document, and nothing that somebody got into it. */
export const PAGE_POLICY = [
  "default-src 'none'",
  `script-src '${hashOf(SCRIPT)}'`,
  `style-src '${hashOf(STYLE)}'`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export function statusPage(report: MountReport, scope: PageScope, nowMs = Date.now()): string {
  const { mountpoint, state, problems, version, transport, kernel, startedAtMs } = report;
  const up = durationText((nowMs - startedAtMs) / 1000);
  const body = html`<header>
      <h1>${mountpoint}</h1>
      <span id="state" role="status" data-live><span class="state ${state}">${state}</span></span>
      <span class="quiet">d7y-mount ${version}</span>
      <span class="failing" id="answer" role="status"></span>
    </header>
    <div id="problems" data-live>${problemList(scope, problems)}</div>
    <main>
      ${tiles(report, up)} ${readSection(report, nowMs)} ${live('sources', sourceSection(report, scope))}
      ${live('requests', requestSection(report))} ${live('caches', cacheSection(report, scope))}
      ${live('p2p', p2pSection(report, scope))} ${live('jobs', jobSection(report, scope))}
      ${live('plugins', pluginSection(report, scope))} ${live('process', processSection(report))}
    </main>
    <footer class="quiet">
      ${transport}, Linux ${kernel}${scope === 'all' ? html`, process ${report.pid} on ${report.node}` : ''}.
      Configuration read at <time>${timeText(report.config.loadedAtMs)}</time>. Counts are of the time since
      the mount was made. <a href="metrics">Metrics</a>
    </footer>`;
  return document(`${mountpoint}: ${state}`, body);
}

function document(title: string, body: Html): string {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <link rel="icon" href="data:," />
        <noscript><meta http-equiv="refresh" content="5" /></noscript>
        ${new Html(`<style>${STYLE}</style>`)}
      </head>
      <body>
        ${body} ${new Html(`<script>${SCRIPT}</script>`)}
      </body>
    </html> `.text;
}

/** They name hosts, files and URLs. */
function problemList(scope: PageScope, problems: readonly string[]): Html {
  if (problems.length === 0) return html``;
  if (scope === 'public')
    return html`<p class="quiet">d7y-mount status says why, on the machine of the mount.</p>`;
  return html`<ul class="problems">
    ${problems.map((problem) => html`<li>${problem}</li>`)}
  </ul>`;
}

function live(id: string, content: Html): Html {
  return html`<div id="${id}" data-live>${content}</div>`;
}

function hashOf(text: string): string {
  return `sha256-${hash('sha256', text, 'base64')}`;
}
