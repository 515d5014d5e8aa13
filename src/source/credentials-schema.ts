/** `credentials`: a word, or one of several mappings. Which mapping is meant is seen by its keys. */
import * as v from 'valibot';

import { parsed, type Schema, section } from './settings-parts.js';

/** One mapping. */
export interface CredentialsForm<Output> {
  readonly names: readonly string[];
  readonly schema: Schema<Output>;
}

type Fields<Entries extends v.ObjectEntries> = v.InferOutput<v.StrictObjectSchema<Entries, undefined>>;

export function form<const Kind extends string, const Entries extends v.ObjectEntries>(
  kind: Kind,
  entries: Entries,
): CredentialsForm<{ readonly kind: Kind } & Fields<Entries>>;
export function form<const Kind extends string, const Entries extends v.ObjectEntries, Output extends object>(
  kind: Kind,
  entries: Entries,
  convert: (fields: Fields<Entries>) => Output,
): CredentialsForm<{ readonly kind: Kind } & Output>;
export function form(
  kind: string,
  entries: v.ObjectEntries,
  convert: (fields: object) => object = (fields) => fields,
): CredentialsForm<unknown> {
  const schema = v.pipe(
    section(entries),
    v.transform((fields) => ({ kind, ...convert(fields) })),
  );
  return { names: Object.keys(entries), schema };
}

export function credentials<const Word extends string, Forms extends readonly CredentialsForm<unknown>[]>(
  words: readonly Word[],
  forms: Forms,
): Schema<{ readonly kind: Word } | OutputOf<Forms[number]>> {
  const shapes = forms.map(({ names }) => `{ ${names.join(', ')} }`);
  const expected = [...words, ...shapes].join(' or ');
  const word = parsed(expected, (given) => {
    const kind = words.find((one) => one === given);
    return kind && { kind };
  });
  // The form that knows most of the keys refuses the others, and names its own.
  return v.lazy((given) => nearestForm(forms, given)?.schema ?? word) as Schema<
    { readonly kind: Word } | OutputOf<Forms[number]>
  >;
}

type OutputOf<Form> = Form extends CredentialsForm<infer Output> ? Output : never;

function nearestForm(
  forms: readonly CredentialsForm<unknown>[],
  given: unknown,
): CredentialsForm<unknown> | undefined {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return undefined;
  const keys = Object.keys(given);
  const known = ({ names }: CredentialsForm<unknown>): number =>
    keys.filter((key) => names.includes(key)).length;
  const [best] = forms.toSorted((a, b) => known(b) - known(a));
  return best !== undefined && known(best) > 0 ? best : undefined;
}
