/** A strict reader of Prometheus' text format: throws for what promtool(1) finds fault with. */

export interface Family {
  readonly type: string;
  readonly help: string;
  readonly samples: {
    readonly name: string;
    readonly labels: Record<string, string>;
    readonly value: number;
  }[];
}

const HELP = /^# HELP ([a-z][a-z0-9_]*) (\S.*)$/;
const TYPE = /^# TYPE ([a-z][a-z0-9_]*) (counter|gauge|histogram|summary)$/;
const SAMPLE = /^([a-z][a-z0-9_]*)(?:\{(.*)\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?)$/;
const LABEL = /^([a-z][a-z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/;

const SUFFIXES: Readonly<Record<string, readonly string[]>> = {
  histogram: ['_bucket', '_sum', '_count'],
  summary: ['', '_sum', '_count'],
};

export function parseExposition(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const families = new Map<string, Family>();
  const seen = new Set<string>();
  const lines = text.slice(0, -1).split('\n');
  let current = '';
  for (let i = 0; i < lines.length; i += 1) {
    const line = lines[i] ?? '';
    const help = HELP.exec(line);
    if (help === null) {
      addSample(line, current, families, seen);
      continue;
    }
    const [, name = '', words = ''] = help;
    const [, typed, type = ''] = TYPE.exec(lines[(i += 1)] ?? '') ?? [];
    if (typed !== name || families.has(name)) throw new Error(`${name}: no type, or a second family`);
    if ((type === 'counter') !== name.endsWith('_total')) throw new Error(`${name}: a ${type}`);
    current = name;
    families.set(name, { type, help: words, samples: [] });
  }
  for (const [name, family] of families) checkHistogram(name, family);
  return families;
}

function addSample(line: string, family: string, families: Map<string, Family>, seen: Set<string>): void {
  const [, name = '', labelText = '', value = ''] = SAMPLE.exec(line) ?? [];
  const { type, samples } = families.get(family) ?? {};
  const suffixes = type === undefined ? [''] : (SUFFIXES[type] ?? ['']);
  if (!suffixes.some((suffix) => name === family + suffix)) throw new Error(`not of ${family}: ${line}`);
  const labels: Record<string, string> = {};
  for (let rest = labelText; rest !== '';) {
    const [whole = '', label = '', text = ''] = LABEL.exec(rest) ?? [];
    if (whole === '' || label in labels) throw new Error(`labels: ${line}`);
    labels[label] = text;
    rest = rest.slice(whole.length);
  }
  const key = `${name} ${JSON.stringify(Object.entries(labels).toSorted(([a], [b]) => (a < b ? -1 : 1)))}`;
  if (seen.has(key)) throw new Error(`twice: ${line}`);
  seen.add(key);
  samples?.push({ name, labels, value: Number(value) });
}

/** Buckets grow, end with +Inf, and that one is the count. */
function checkHistogram(name: string, { type, samples }: Family): void {
  if (type !== 'histogram') return;
  const last = new Map<string, { value: number; le: string }>();
  for (const { name: of, labels, value } of samples) {
    const { le = '', ...rest } = labels;
    const row = JSON.stringify(rest);
    const before = last.get(row);
    if (of.endsWith('_bucket')) {
      if (before !== undefined && before.value > value) throw new Error(`${name}: ${row} shrinks at ${le}`);
      last.set(row, { value, le });
    } else if (of.endsWith('_count') && (before?.le !== '+Inf' || before.value !== value)) {
      throw new Error(`${name}: ${row} has the count ${value}`);
    }
  }
}
