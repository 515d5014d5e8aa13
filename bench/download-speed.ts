import { Request, type ResourceClient } from '../src/source/index.js';

/** MB/s of a download of the first `expectedBytes`, which has to bring all of them. */
export async function megabytesPerSecond(
  client: ResourceClient,
  url: string,
  expectedBytes: number,
): Promise<number> {
  const began = performance.now();
  const response = await client.download(new Request(url, { range: { start: 0, end: expectedBytes } }));
  let bytes = 0;
  for await (const chunk of response.body) bytes += chunk.byteLength;
  if (bytes !== expectedBytes) throw new Error(`${bytes} bytes of ${expectedBytes}`);
  return bytes / 1_000 / (performance.now() - began);
}
