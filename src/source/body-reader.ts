import type { BodyReader } from './body-target.js';
import { IterableBody } from './iterable-body.js';
import type { Response } from './response.js';

/** Reads the body of a response into memory of the reader, part by part. The body must not be used otherwise. */
export function bodyReader(response: Response): BodyReader {
  return response.read === undefined ? new IterableBody(response.body) : (response as BodyReader);
}
