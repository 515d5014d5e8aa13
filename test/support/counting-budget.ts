import { type Charge, type Links, MetadataBudget } from '../../src/memory/metadata-budget.js';

/** A budget that shows how much of it is used. */
export class CountingBudget extends MetadataBudget {
  usedBytes = 0;

  override charge(kind: Charge, bytes: number): void {
    this.usedBytes += bytes;
    super.charge(kind, bytes);
  }

  override add(entry: Links): void {
    this.usedBytes += entry.bytes;
    super.add(entry);
  }

  override resize(entry: Links, bytes: number): void {
    this.usedBytes += bytes - entry.bytes;
    super.resize(entry, bytes);
  }

  override remove(entry: Links): void {
    this.usedBytes -= entry.bytes;
    super.remove(entry);
  }
}
