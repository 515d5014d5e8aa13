/** As many as a file of a gigabyte has regions of 256 KiB. The oldest is forgotten first. */
const MAX_REGIONS = 4096;
/**
 * Two visits are often chance: of 600 random reads of 4 KiB in a file of 64 MiB, each fetched 73 KiB when two were
 * enough, and 49 KiB with three. Who reads backward comes for each block.
 */
const MIN_VISITS = 3;

/** Which regions of a file a reader that jumps about has been to. */
export class VisitedRegions {
  readonly #regionBytes: number;
  readonly #visits = new Map<number, number>();

  constructor(regionBytes: number) {
    this.#regionBytes = regionBytes;
  }

  /** Notes a visit at `offset`. Returns the region, if the reader has been there often. */
  visit(offset: number): { readonly start: number; readonly end: number } | undefined {
    const region = Math.floor(offset / this.#regionBytes);
    const visits = (this.#visits.get(region) ?? 0) + 1;
    this.#visits.set(region, visits);
    if (this.#visits.size > MAX_REGIONS) this.#forgetOldest();
    const start = region * this.#regionBytes;
    return visits < MIN_VISITS ? undefined : { start, end: start + this.#regionBytes };
  }

  #forgetOldest(): void {
    for (const oldest of this.#visits.keys()) {
      this.#visits.delete(oldest);
      return;
    }
  }
}
