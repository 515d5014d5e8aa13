/** The results for people: what is not right, with what to do; then what is, in one line. */
import type { CheckResult, CheckState } from './check.js';

const STATE_COLUMNS = 9;
const ORDER: readonly CheckState[] = ['fail', 'warn', 'unknown', 'ok'];

/** `showsUrls`: that they can be read is shown too. */
export function resultLines(
  results: readonly CheckResult[],
  { verbose, showsUrls }: { readonly verbose: boolean; readonly showsUrls: boolean },
): string[] {
  const isShown = ({ id, state }: CheckResult): boolean =>
    verbose || state !== 'ok' || (showsUrls && id === 'url');
  const shown = results.filter(isShown).toSorted((a, b) => ORDER.indexOf(a.state) - ORDER.indexOf(b.state));
  const bad = new Set(results.filter(({ state }) => state !== 'ok').map(({ id }) => id));
  const good = [...new Set(results.map(({ id }) => id))].filter((id) => !bad.has(id));
  return [
    ...shown.flatMap(linesOf),
    ...(verbose || good.length === 0 ? [] : [`${'ok'.padEnd(STATE_COLUMNS)}${good.join(', ')}`]),
    summary(results),
  ];
}

function linesOf({ id, state, message, fix }: CheckResult): string[] {
  const first = `${state.padEnd(STATE_COLUMNS)}${id}: ${message}`;
  return fix === undefined ? [first] : [first, `${' '.repeat(STATE_COLUMNS)}fix: ${fix}`];
}

function summary(results: readonly CheckResult[]): string {
  const [failed, warned] = ['fail', 'warn'].map((one) => results.filter(({ state }) => state === one).length);
  if (failed === 0 && warned === 0) return 'no problems found';
  return [
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(warned === 0 ? [] : [`${warned} to look at`]),
  ].join(', ');
}
