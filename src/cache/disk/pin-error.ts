/** A pin that cannot be kept; the message says why. */
export class PinError extends Error {
  override readonly name = 'PinError';
  readonly code = 'PIN_REFUSED';
}
