import type { AccessedPlace } from '../access-log.js';
import { CONTROL_NAME, type Node, pathOf } from '../node.js';
import { OPCODE } from './protocol.js';
import { decodeName, decodeRead, type FuseRequest } from './request-codec.js';

/**
 * What a request is about, for the access log. Undefined for those of the mount's own files: who reads the log would make it
 * grow.
 */
export function placeOf({ opcode, body }: FuseRequest, node: Node): AccessedPlace | undefined {
  if (node.kind === 'control' || node.kind === 'control-file') return undefined;
  const path = pathOf(node);
  if (opcode === OPCODE.LOOKUP) {
    const name = decodeName(body);
    if (node.kind === 'root' && name === CONTROL_NAME) return undefined;
    return { path: path === '/' ? `/${name}` : `${path}/${name}` };
  }
  if (opcode !== OPCODE.READ) return { path };
  const { offset, size } = decodeRead(body);
  return { path, offset, length: size };
}
