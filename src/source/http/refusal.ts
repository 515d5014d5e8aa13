import type { Authorization } from './authorization.js';
import type { HeaderFields } from './header-fields.js';

/** An answer whose status is not among those allowed, with the beginning of its body. */
export interface Refusal {
  readonly url: URL;
  readonly status: number;
  readonly header: HeaderFields;
  /** Of at most 64 KiB. May hold secrets: never logged whole. */
  readonly text: string;
  /** What the authorizer had added. */
  readonly authorization?: Authorization | undefined;
}
