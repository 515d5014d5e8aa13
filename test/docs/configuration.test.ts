import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import test from 'ava';

import { FILE_SCHEMA, MATCH_SCHEMA } from '../../bin/config/file-schema.js';
import { loadConfiguration } from '../../bin/config/load-configuration.js';
import { OPTION_TABLE } from '../../bin/config/option-table.js';
import { SETTINGS_SCHEMAS } from '../../src/source/settings-schemas.js';
import { temporaryDirectory } from '../support/temp.js';

const DOCUMENT = new URL('../../../docs/CONFIGURATION.md', import.meta.url);

/** Part of valibot's schemas. */
interface AnySchema {
  readonly entries?: Readonly<Record<string, AnySchema>>;
  readonly pipe?: readonly AnySchema[];
  readonly wrapped?: AnySchema;
}

/** The keys of a mapping. */
function keysOf(schema: unknown): string[] {
  const { entries, pipe = [], wrapped } = schema as AnySchema;
  if (entries !== undefined) return Object.keys(entries);
  const inner = wrapped === undefined ? pipe.filter((part) => part !== schema) : [wrapped];
  return inner.flatMap(keysOf);
}

/** The first cells of the rows of the tables in a section. */
function rowsOf(document: string, heading: string): string[] {
  const [, section = ''] = document.split(new RegExp(`^#+ ${heading}\n`, 'm'));
  const [own = ''] = section.split(/^#+ /m);
  return [...own.matchAll(/^\| (`.*?`) \|/gm)].map(([, cell = '']) => cell);
}

function namesIn(cells: readonly string[]): string[] {
  return cells.flatMap((cell) => [...cell.matchAll(/[a-z]\w*/gi)].map(([name]) => name)).toSorted();
}

test('docs/CONFIGURATION.md has every key of the schema, and no other', async (t) => {
  const document = await readFile(DOCUMENT, 'utf8');
  const settings = new Set(Object.values(SETTINGS_SCHEMAS).flatMap(keysOf));
  const rows = rowsOf(document, 'Sources');
  t.deepEqual(namesIn(rows), [...keysOf(MATCH_SCHEMA), ...settings].toSorted());
  const own = keysOf(FILE_SCHEMA).filter((key) => !(key in OPTION_TABLE));
  for (const key of own) t.regex(document, new RegExp(`^## ${key}$`, 'im'));
  for (const [row, schemes] of Object.entries(settingRows(document))) {
    const having = Object.entries(SETTINGS_SCHEMAS).filter(([, schema]) => keysOf(schema).includes(row));
    t.deepEqual(
      schemes,
      having.map(([scheme]) => scheme),
      row,
    );
  }
});

/** The schemes that the table names for each setting. */
function settingRows(document: string): Record<string, string[]> {
  const all = Object.keys(SETTINGS_SCHEMAS);
  return Object.fromEntries(
    [...document.matchAll(/^\| `(\w+)` \| (every source but )?([a-z0-9]+(?:, [a-z0-9]+)*) \| /gm)]
      .filter(([, name = '']) => !['scheme', 'host', 'path'].includes(name))
      .map(([, name = '', but, schemes = '']) => [
        name,
        all.filter((scheme) => schemes.split(', ').includes(scheme) === (but === undefined)),
      ]),
  );
}

test('the examples of docs/CONFIGURATION.md are right', async (t) => {
  const document = await readFile(DOCUMENT, 'utf8');
  const examples = [...document.matchAll(/^```yaml\n(.*?)^```$/gms)].map(([, text = '']) => text);
  t.true(examples.length >= 2);
  const directory = await temporaryDirectory(t);
  const secret = join(directory, 'foo');
  await writeFile(secret, 'secret\n');
  for (const example of examples) {
    const config = join(directory, 'config.yaml');
    await writeFile(config, example.replace('/run/secrets/foo', secret), { mode: 0o600 });
    await t.notThrowsAsync(loadConfiguration({ config }, { LAKE_ID: 'id' }), example);
  }
});
