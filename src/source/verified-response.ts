import { createHash } from 'node:crypto';

import { ProtocolError } from './errors.js';
import { readAhead } from './http/read-ahead.js';
import type { ContentDigest } from './metadata.js';
import { type BodySink, type BufferProvider, drainBody, newResponse, type Response } from './response.js';

/** The response with a whole resource, which fails at its end if the bytes are not those of the digest. */
export function verifiedResponse(
  response: Response,
  { hex }: ContentDigest & { readonly algorithm: 'sha256' },
  url: URL,
): Response {
  const drain = async (sink: BodySink, nextBuffer?: BufferProvider): Promise<void> => {
    const hash = createHash('sha256');
    const take: BodySink = (chunk) => {
      hash.update(chunk);
      return sink(chunk);
    };
    await drainBody(response, take, nextBuffer);
    const found = hash.digest('hex');
    if (found === hex) return;
    throw new ProtocolError('the content is another one', url, {
      expected: `sha256:${hex}`,
      found: `sha256:${found}`,
    });
  };
  const cancel = (): void => response.cancel();
  return newResponse(readAhead(drain, cancel), {
    status: response.status,
    header: () => response.header,
    contentLength: response.contentLength,
    ...(response.offset === undefined ? {} : { offset: response.offset }),
    drain,
    cancel,
  });
}
