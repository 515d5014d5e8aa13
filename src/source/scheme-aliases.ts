/** Schemes that are other names of the same: what a rule says of one holds for all of them. */
const SAME: readonly (readonly string[])[] = [
  ['webdav', 'dav'],
  ['webdavs', 'davs'],
];
/** By what connections to the host of a URL are made, where the scheme has another name for it. */
const CONNECTS_BY: Readonly<Record<string, string>> = {
  webdav: 'http',
  dav: 'http',
  webdavs: 'https',
  davs: 'https',
};

export function sameSchemes(given: string): readonly string[] {
  const scheme = given.toLowerCase();
  return SAME.find((names) => names.includes(scheme)) ?? [scheme];
}

export function connectionScheme(scheme: string): string {
  return CONNECTS_BY[scheme] ?? scheme;
}
