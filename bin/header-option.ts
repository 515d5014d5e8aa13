/** One `--header`. */
export interface HeaderOption {
  /** As `URL.origin` writes it. */
  readonly origin: string;
  readonly name: string;
  readonly value: string;
}
