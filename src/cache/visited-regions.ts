/** As many as a file of a gigabyte has regions of 256 KiB. The oldest is forgotten first. */
const MAX_REGIONS = 4096;

/** Which regions of a file a reader that jumps about has been to. */
export class VisitedRegions {
  readonly #regionBytes: number;
  readonly #visited = new Set<number>();

  constructor(regionBytes: number) {
    this.#regionBytes = regionBytes;
  }

  /** Notes a visit at `offset`. Returns the region, if the reader has been there before. */
  visit(offset: number): { readonly start: number; readonly end: number } | undefined {
    const region = Math.floor(offset / this.#regionBytes);
    const start = region * this.#regionBytes;
    if (this.#visited.has(region)) return { start, end: start + this.#regionBytes };
    this.#visited.add(region);
    if (this.#visited.size > MAX_REGIONS) {
      for (const oldest of this.#visited) {
        this.#visited.delete(oldest);
        break;
      }
    }
    return undefined;
  }
}
