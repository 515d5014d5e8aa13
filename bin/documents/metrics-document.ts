/** docs/METRICS.md. */
import {
  METRIC_GROUPS,
  METRIC_TABLE,
  type MetricFacts,
  type MetricGroup,
} from '../../src/control/metric-table.js';

const HEAD = `# Metrics

<!-- Made by \`npm run docs\` of src/control/metric-table.ts. -->

What \`/metrics\` shows ([Operating a mount](OPERATING.md#metrics)), in Prometheus' text format. Units are base units: seconds, bytes. A metric
of something that a mount does not have (a disk cache, plugins, P2P) is left out, and so is a labelled counter before its first count.

Bytes count as from disk or source the first time that they are read, however early readahead fetched them, and as from memory
when they are read again.
`;

export function metricsDocument(): string {
  const groups = Object.keys(METRIC_GROUPS) as MetricGroup[];
  return [HEAD, ...groups.map(section)].join('\n');
}

function section(group: MetricGroup): string {
  const metrics: [string, MetricFacts][] = Object.entries(METRIC_TABLE);
  const rows = metrics.filter(([, facts]) => facts.group === group).map(([name, facts]) => row(name, facts));
  return `## ${METRIC_GROUPS[group]}

| metric | type | unit | labels | what it is |
|---|---|---|---|---|
${rows.join('\n')}
`;
}

function row(name: string, { type, help, labels = {} }: MetricFacts): string {
  const named = Object.entries(labels).map(
    ([label, values]) => `\`${label}\`${values === '' ? '' : `: ${values}`}`,
  );
  return `| \`${name}\` | ${type} | ${unitOf(name)} | ${named.join('; ')} | ${help} |`;
}

function unitOf(name: string): string {
  return /_(bytes|seconds)(?:_total)?$/.exec(name)?.[1] ?? '';
}
