/**
 * Fetches the page again, puts what has changed into it, and draws the bytes of reads of the last minutes. What comes is parsed as a document
 * of its own, in which nothing runs. The text is a whole script: it is not compiled, and a test runs it in a browser.
 */
export const SCRIPT = `
'use strict';
(() => {
  const EVERY_MS = 2000, SAMPLES = 90, WIDTH = 600, HEIGHT = 160;
  const routes = [...document.querySelectorAll('polygon')].map((polygon) => polygon.classList[0]);
  const rates = [];
  let before;

  const countsOf = (page) => {
    const { dataset } = page.getElementById('counts');
    return Object.fromEntries(Object.entries(dataset).map(([name, value]) => [name, Number(value)]));
  };

  const rateText = (bytes) => (bytes / 1e6).toFixed(bytes > 0 && bytes < 1e8 ? 1 : 0) + ' MB/s';

  // The next of 1, 2, 5 times a power of ten.
  const ceiling = (value) => {
    const power = 10 ** Math.floor(Math.log10(value));
    return [1, 2, 5, 10].map((factor) => factor * power).find((bound) => bound >= value * 0.999);
  };

  const draw = () => {
    const totals = rates.map((rate) => routes.reduce((sum, route) => sum + rate[route], 0));
    const top = ceiling(Math.max(1e6, ...totals));
    document.getElementById('top').textContent = rateText(top);
    const x = (i) => (WIDTH * (SAMPLES - rates.length + i)) / (SAMPLES - 1);
    const y = (bytes) => HEIGHT - (HEIGHT * bytes) / top;
    const floor = rates.map(() => 0);
    for (const route of routes) {
      const lower = rates.map((_, i) => [x(i), y(floor[i])]);
      rates.forEach((rate, i) => (floor[i] += rate[route]));
      const upper = rates.map((_, i) => [x(i), y(floor[i])]);
      const points = [...upper, ...lower.reverse()].map(([a, b]) => a.toFixed(1) + ',' + b.toFixed(1)).join(' ');
      document.querySelector('polygon.' + route).setAttribute('points', points);
    }
  };

  const show = (now) => {
    const seconds = (now.time - before.time) / 1000;
    if (seconds <= 0) return;
    const rate = Object.fromEntries(routes.map((route) => [route, Math.max(0, now[route] - before[route]) / seconds]));
    rates.push(rate);
    if (rates.length > SAMPLES) rates.shift();
    draw();
    const total = routes.reduce((sum, route) => sum + rate[route], 0);
    document.getElementById('rate').textContent = rateText(total);
    document.getElementById('operations').textContent = Math.round((now.operations - before.operations) / seconds) + ' requests/s';
    for (const route of routes) document.getElementById('rate-' + route).textContent = rateText(rate[route]);
  };

  const replace = (page) => {
    for (const live of document.querySelectorAll('[data-live]')) {
      const other = page.getElementById(live.id);
      if (other !== null && other.innerHTML !== live.innerHTML) live.replaceChildren(...other.childNodes);
    }
  };

  const refresh = async () => {
    if (document.visibilityState === 'hidden') return;
    const status = document.getElementById('answer');
    try {
      const response = await fetch(location.pathname, { cache: 'no-store', signal: AbortSignal.timeout(5000) });
      if (!response.ok) throw new Error('status ' + response.status);
      const page = new DOMParser().parseFromString(await response.text(), 'text/html');
      const now = countsOf(page);
      // Another process since: it counts from 0.
      if (now.started !== before.started) rates.length = 0;
      else show(now);
      before = now;
      replace(page);
      if (status.textContent !== '') status.textContent = '';
    } catch {
      const text = 'The mount does not answer.';
      if (status.textContent !== text) status.textContent = text;
    }
  };

  before = countsOf(document);
  const again = () => refresh().finally(() => setTimeout(again, EVERY_MS));
  setTimeout(again, EVERY_MS);
})();
`;
