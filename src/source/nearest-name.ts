/** In the place of an unknown key: what was expected and found, and the nearest name. */
export function expectedKey(names: readonly string[], found: string): string {
  const near = nearestName(names, found);
  const list = names.length === 0 ? 'no settings' : names.join(', ');
  return `expected ${list}, found ${found}${near === undefined ? '' : `; nearest: ${near}`}`;
}

/** The name that differs least; undefined if all differ much. */
export function nearestName(names: readonly string[], found: string): string | undefined {
  const limit = Math.max(1, Math.floor(found.length / 3));
  const plain = (name: string): string => name.toLowerCase().replaceAll(/[-_]/g, '');
  const ranked = names
    .map((name) => ({ name, distance: editDistance(plain(name), plain(found)) }))
    .toSorted((a, b) => a.distance - b.distance);
  return ranked.find(({ distance }) => distance <= limit)?.name;
}

/** Levenshtein's, of two neighbouring rows. */
function editDistance(a: string, b: string): number {
  let before = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      const [above = 0, diagonal = 0, left = 0] = [before[j], before[j - 1], row[j - 1]];
      row.push(Math.min(above + 1, left + 1, diagonal + change));
    }
    before = row;
  }
  return before[b.length] ?? 0;
}
