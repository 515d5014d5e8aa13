/** What the other layers, and authors of sources, may use of this one. */
export { bodyReader } from './body-reader.js';
export type { BodyReader, BodyTarget } from './body-target.js';
export type { ByteRange } from './byte-range.js';
export type { ContentDigest } from './content-digest.js';
export { type Metadata, UNKNOWN_LAST_MODIFIED, UNKNOWN_SOURCE_FILE_LEN, type UrlEntry } from './metadata.js';
export {
  byteLengthOfText,
  bytesOfText,
  hasEscapedBytes,
  percentDecoded,
  percentEncoded,
  textOfBytes,
} from './byte-text.js';
export { escapeControls, redactPath, redactUrl, safeJson, safeLines, safeText } from './safe-text.js';
export { uidOf, withUid } from './caller-uid.js';
export { canonicalSegment } from './path-segment.js';
export { nextTurn, Turns } from './turns.js';
export { orAborted } from './or-aborted.js';
export { Promotion } from './promotion.js';
export {
  isWeakEtag,
  Request,
  type RequestOptions,
  type RequestPriority,
  type Validators,
} from './request.js';
export { DEFAULT_CAPABILITIES, type SourceCapabilities } from './source.js';
export type { CompleteClient, Hook, RequestAdapter, ResourceClient } from './resource-client.js';
export {
  type BodySource,
  type ExpireInfo,
  newResponse,
  type Response,
  type ResponseOptions,
} from './response.js';
export * from './errors.js';
