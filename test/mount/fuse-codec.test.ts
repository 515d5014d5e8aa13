import test from 'ava';

import { makeAttr } from '../../src/mount/attr.js';
import { DirentBuffer } from '../../src/mount/dev-fuse/dirent-buffer.js';
import {
  encodeAttr,
  encodeEntry,
  encodeHeader,
  encodeInit,
  encodeInvalEntry,
  encodeInvalInode,
  encodeStore,
  encodeOpen,
  encodeStatfs,
} from '../../src/mount/dev-fuse/reply-codec.js';
import {
  decodeBatchForget,
  decodeForget,
  decodeGetxattr,
  decodeInit,
  decodeInterrupt,
  decodeName,
  decodeFlags,
  decodeRead,
  decodeHandle,
  decodeRequest,
  decodeXattrSize,
  MalformedRequestError,
} from '../../src/mount/dev-fuse/request-codec.js';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
const ATTR = makeAttr('file', 0x1_0000_0002, 1025, 1_500.25, { uid: 3, gid: 4, umask: 0 });
const ATTR_HEX = `02000000 01000000 01040000 00000000 03000000 00000000
  01000000 00000000 01000000 00000000 01000000 00000000
  9035d11d 9035d11d 9035d11d 24810000 01000000 03000000 04000000 00000000 00100000 00000000`;

test('a request header is read byte by byte', (t) => {
  const bytes = hex(`2d000000 01000000 0600000001000000 0200000000000000
    e8030000 e9030000 ea030000 0000 0000 6162632e00`);
  t.deepEqual(decodeRequest(bytes), {
    opcode: 1,
    unique: 0x1_0000_0006,
    isResent: false,
    nodeId: 2,
    uid: 1000,
    pid: 1002,
    body: Buffer.from('abc.\0'),
  });
  bytes.writeUInt8(0x80, 15);
  t.like(decodeRequest(bytes), { unique: 0x1_0000_0006, isResent: true });
  t.is(decodeRequest(bytes.subarray(0, 39)), undefined);
});

test('request bodies are read byte by byte', (t) => {
  t.is(decodeName(Buffer.from('über\0rest')), 'über');
  t.deepEqual(decodeInit(hex('07000000 2d000000 00000200 fbffff73 fd050000')), {
    major: 7,
    minor: 45,
    maxReadahead: 131_072,
    flags: 0x73fffffb,
    flags2: 0x5fd,
  });
  t.deepEqual(decodeRead(hex('0500000000000000 0010000001000000 00001000 00000000')), {
    handle: 5,
    offset: 0x1_0000_1000,
    size: 1 << 20,
  });
  t.is(decodeFlags(hex('00000100 00000000')), 0o200000);
  t.deepEqual(decodeHandle(hex('0900000000000000 00000000 00000000')), { handle: 9 });
  t.deepEqual(decodeGetxattr(Buffer.concat([hex('10000000 00000000'), Buffer.from('user.a\0')])), {
    size: 16,
    name: 'user.a',
  });
  t.is(decodeInterrupt(hex('0800000000000000')), 8);
  t.deepEqual(decodeForget(7, hex('0300000000000000')), { nodeId: 7, lookups: 3 });
  t.deepEqual(
    decodeBatchForget(
      hex('02000000 00000000 0200000000000000 0100000000000000 0300000000000000 0500000000000000'),
    ),
    [
      { nodeId: 2, lookups: 1 },
      { nodeId: 3, lookups: 5 },
    ],
  );
});

test('answers are written byte by byte', (t) => {
  t.deepEqual(encodeHeader(0x1_0000_0006, 2, 0), hex('10000000 feffffff 0600000001000000'));
  t.deepEqual(encodeHeader(0x1_0000_0006, 2, 0, true), hex('10000000 feffffff 0600000001000080'));
  t.deepEqual(encodeAttr(ATTR, 1_500), hex(`0100000000000000 0065cd1d 00000000 ${ATTR_HEX}`));
  t.deepEqual(
    encodeEntry(5, { attr: ATTR, nameTtlMs: 2_500, attrTtlMs: 1_001 }),
    hex(`0500000000000000 0000000000000000 0200000000000000 0100000000000000 0065cd1d 40420f00 ${ATTR_HEX}`),
  );
  t.deepEqual(encodeOpen(6, 128, 3), hex('0600000000000000 80000000 03000000'));
  t.is(encodeStatfs(255).length, 80);
  t.deepEqual(encodeInvalInode(5, -1), hex('0500000000000000 ffffffffffffffff 0000000000000000'));
  t.deepEqual(encodeStore(5, 0, 4097), hex('0500000000000000 0000000000000000 01100000 00000000'));
  t.deepEqual(encodeInvalEntry(5, 'ab'), hex('0500000000000000 02000000 00000000 616200'));
  const init = encodeInit({
    minor: 40,
    maxReadahead: 1,
    flags: 0x40000001,
    flags2: 32,
    maxBackground: 64,
    congestionThreshold: 48,
    maxWrite: 4096,
    maxPages: 256,
    maxStackDepth: 1,
  });
  t.deepEqual(
    init.subarray(0, 40),
    hex('07000000 28000000 01000000 01000040 4000 3000 00100000 01000000 0001 0000 20000000 01000000'),
  );
  t.is(init.length, 64);
});

test('directory entries are aligned, and stop where there is no room', (t) => {
  // The memory was used before.
  const plain = new DirentBuffer(Buffer.alloc(64, 0xff));
  t.true(plain.add({ name: 'abc', kind: 'file' }, 1));
  t.deepEqual(plain.bytes, hex('0100000000000000 0100000000000000 03000000 08000000 6162630000000000'));
  t.true(plain.add({ name: '12345678', kind: 'directory' }, 2));
  t.false(plain.add({ name: 'x', kind: 'file' }, 3));
  const plus = new DirentBuffer(Buffer.alloc(360, 0xff));
  t.true(plus.hasRoomPlus({ name: 'abc', kind: 'file' }));
  plus.addPlus({ name: 'abc', kind: 'file' }, 1, { attr: ATTR, nameTtlMs: 0, attrTtlMs: 0 }, 5);
  t.deepEqual(
    plus.bytes,
    Buffer.concat([
      encodeEntry(5, { attr: ATTR, nameTtlMs: 0, attrTtlMs: 0 }),
      hex('0200000001000000 0100000000000000 03000000 08000000 6162630000000000'),
    ]),
  );
  plus.addPlus({ name: 'ü', kind: 'file' }, 0x1_0000_0001);
  t.deepEqual(
    plus.bytes.subarray(160),
    Buffer.concat([
      Buffer.alloc(128),
      hex('0100000000000000 0100000001000000 02000000 08000000 c3bc000000000000'),
    ]),
  );
  t.false(plus.hasRoomPlus({ name: 'd', kind: 'file' }));
});

test('there is room for a name of any length in bytes, up to the last byte', (t) => {
  for (const name of ['12345678', '1234567', 'ü234567', '€€12', '€€€', '😀😀', '😀😀😀']) {
    const nameBytes = Math.ceil(Buffer.byteLength(name) / 8) * 8;
    for (const [headBytes, hasRoom] of [
      [24, (buffer: DirentBuffer) => buffer.add({ name, kind: 'file' }, 0)],
      [152, (buffer: DirentBuffer) => buffer.hasRoomPlus({ name, kind: 'file' })],
    ] as const) {
      t.true(hasRoom(new DirentBuffer(Buffer.alloc(headBytes + nameBytes))), name);
      t.false(hasRoom(new DirentBuffer(Buffer.alloc(headBytes + nameBytes - 8))), name);
    }
    const exact = new DirentBuffer(Buffer.alloc(152 + nameBytes, 0xff));
    exact.addPlus({ name, kind: 'file' }, 0);
    t.is(exact.bytes.toString('utf8', 152).replace(/\0+$/, ''), name);
    t.is(exact.bytes.length, 152 + nameBytes);
  }
});

test('random and truncated messages are refused as malformed, and nothing else happens', (t) => {
  const decoders = [
    decodeName,
    decodeInit,
    decodeRead,
    decodeFlags,
    decodeHandle,
    decodeGetxattr,
    decodeXattrSize,
    decodeInterrupt,
    decodeBatchForget,
    (body: Buffer) => decodeForget(1, body),
    (body: Buffer) => decodeRequest(body),
  ];
  let state = 42;
  const random = (limit: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return (state >>> 8) % limit;
  };
  let refused = 0;
  for (let i = 0; i < 20_000; i += 1) {
    const body = Buffer.from(Array.from({ length: random(80) }, () => random(256)));
    const decode = decoders[random(decoders.length)];
    try {
      decode?.(body);
    } catch (error) {
      if (!(error instanceof MalformedRequestError)) throw error;
      refused += 1;
    }
  }
  t.true(refused > 1_000 && refused < 20_000);
});
