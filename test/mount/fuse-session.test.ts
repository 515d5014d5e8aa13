import { constants } from 'node:os';
import { setImmediate as tick, setTimeout as sleep } from 'node:timers/promises';

import test from 'ava';

import type { FuseDevice } from '../../src/mount/dev-fuse/fuse-device.js';
import {
  type Agreement,
  FuseSession,
  ProtocolVersionError,
  type RequestHandler,
} from '../../src/mount/dev-fuse/fuse-session.js';
import { MountActivity } from '../../src/mount/mount-activity.js';
import { NOTIFY, OPCODE } from '../../src/mount/dev-fuse/protocol.js';
import { type Forget, MalformedRequestError } from '../../src/mount/dev-fuse/request-codec.js';
import type { SignalIntent } from '../../src/mount/dev-fuse/signal-intent.js';
import type { MountEnd } from '../../src/mount/transport.js';
import { until } from '../support/until.js';

/** A connection whose kernel is the test. */
class FakeDevice implements FuseDevice {
  readonly replies: { unique: number; isResent: boolean; errno: number; payload: Buffer }[] = [];
  /** For each request, whether more are likely to wait. */
  readonly busy: boolean[] = [];
  readonly #queue: Buffer[] = [];
  #wake: () => void = () => undefined;
  #isEnded = false;

  readonly notified: number[] = [];

  /** `isResent`: bit 63 of `unique`. */
  send(opcode: number, unique: number, body: Buffer = Buffer.alloc(0), isResent = false): void {
    const header = Buffer.alloc(40);
    header.writeUInt32LE(40 + body.length, 0);
    header.writeUInt32LE(opcode, 4);
    header.writeUInt32LE(unique, 8);
    if (isResent) header.writeUInt32LE(0x8000_0000, 12);
    header.writeUInt32LE(1, 16);
    this.sendRaw(Buffer.concat([header, body]));
  }

  sendRaw(bytes: Buffer): void {
    this.#queue.push(bytes);
    this.#wake();
  }

  stop(): void {
    this.end();
  }

  end(): void {
    this.#isEnded = true;
    this.#wake();
  }

  async serve(onRequest: (message: Buffer) => boolean): Promise<'ended' | 'aborted'> {
    for (;;) {
      const next = this.#queue.shift();
      if (next !== undefined) this.busy.push(onRequest(next));
      else if (this.#isEnded) return 'ended';
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }

  reply(parts: readonly Uint8Array[]): void {
    const bytes = Buffer.concat(parts);
    if (bytes.readUInt32LE(0) !== bytes.length) throw new Error('EINVAL');
    this.replies.push({
      unique: bytes.readUInt32LE(8),
      isResent: bytes.readUInt32LE(12) === 0x8000_0000,
      errno: Math.abs(bytes.readInt32LE(4)),
      payload: bytes.subarray(16),
    });
  }

  /** What another thread copies, until it is called. */
  readonly copying: (() => void)[] = [];

  replyLater(parts: readonly Uint8Array[]): Promise<void> {
    return new Promise((resolve) => {
      this.copying.push(() => {
        this.reply(parts);
        resolve();
      });
    });
  }

  whenCopied(): Promise<void> {
    return Promise.resolve();
  }

  notify(message: Uint8Array): Promise<void> {
    if (this.replies.length > 0 || this.busy.length > 0) throw new Error('too late');
    this.notified.push(Buffer.from(message).readInt32LE(4));
    return Promise.resolve();
  }
}

interface Fixture {
  readonly device: FakeDevice;
  readonly forgotten: Forget[];
  readonly served: Promise<MountEnd>;
  readonly session: FuseSession;
  readonly activity: MountActivity;
  /** What looking at the threads of callers finds, and how often it was done. */
  readonly threads: { intent: SignalIntent; looks: number };
}

/** So much content is copied by another thread. */
const CONTENT_BYTES = 256 * 1024;

/** GETATTR answers, READ waits until it is interrupted, or has content if it has a body, LISTXATTR throws, everything else is not implemented. */
function start(resumed?: Agreement): Fixture {
  const device = new FakeDevice();
  const forgotten: Forget[] = [];
  const handler: RequestHandler = {
    handle: ({ opcode, body }, { signal }, reply, replyWithContent) => {
      if (opcode === OPCODE.GETATTR) return Promise.resolve([Buffer.from('attr')]).then(reply);
      if (opcode === OPCODE.LISTXATTR)
        throw body.length > 0 ? new Error('no room') : new MalformedRequestError('short');
      if (opcode !== OPCODE.READ) return false;
      if (body.length > 0) return replyWithContent([Buffer.alloc(CONTENT_BYTES)]) ?? true;
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')));
      });
    },
    forget: (forget) => forgotten.push(forget),
    placeOf: ({ nodeId }) => ({ path: `/${nodeId}` }),
    errnoOf: (_, error) =>
      error instanceof MalformedRequestError ? constants.errno.EPROTO : constants.errno.EIO,
  };
  const threads: Fixture['threads'] = { intent: 'abort', looks: 0 };
  const intentOf = (): SignalIntent => {
    threads.looks += 1;
    return threads.intent;
  };
  const activity = new MountActivity();
  const interrupts = { intentOf, intervalMs: 1, unseenMs: 5 };
  const session = new FuseSession(device, handler, { interrupts, activity, resumed });
  return { device, forgotten, session, activity, threads, served: session.serve() };
}

async function settled(): Promise<void> {
  for (let i = 0; i < 10; i += 1) await tick();
}

test('every request is answered once: with its payload, EROFS, or ENOSYS', async (t) => {
  const { device, served } = start();
  device.send(OPCODE.GETATTR, 2);
  device.send(OPCODE.WRITE, 4);
  device.send(9_999, 6);
  await settled();
  const answers = device.replies.map(({ unique, errno, payload }) => ({
    unique,
    errno,
    payload: payload.toString(),
  }));
  t.deepEqual(
    answers.toSorted((a, b) => a.unique - b.unique),
    [
      { unique: 2, errno: 0, payload: 'attr' },
      { unique: 4, errno: constants.errno.EROFS, payload: '' },
      { unique: 6, errno: constants.errno.ENOSYS, payload: '' },
    ],
  );
  device.end();
  await served;
});

test('requests are counted by operation and errno, and those in flight by themselves', async (t) => {
  const { device, served, activity } = start();
  device.send(OPCODE.GETATTR, 2);
  device.send(OPCODE.GETATTR, 4);
  device.send(9_999, 6);
  device.send(OPCODE.READ, 8);
  await settled();
  const { operations, inFlight, oldestMs } = activity.report;
  t.is(inFlight, 1);
  t.true(oldestMs > 0);
  const counted = operations.map(({ name, durations, errors }) => ({
    name,
    count: durations.counts.reduce((sum, count) => sum + count, 0),
    errors,
  }));
  t.deepEqual(
    counted.toSorted((a, b) => a.name.localeCompare(b.name)),
    [
      { name: 'getattr', count: 2, errors: [] },
      { name: 'other', count: 1, errors: [{ errno: constants.errno.ENOSYS, count: 1 }] },
    ],
  );
  device.send(OPCODE.INTERRUPT, 8 + 1, uniqueOf(8));
  device.end();
  await served;
  await settled();
  t.like(activity.report, { inFlight: 0, oldestMs: 0 });
});

test('requests are logged as long as the access log is followed, and those that wait for its lines are not in flight', async (t) => {
  const { device, served, activity } = start();
  device.send(OPCODE.GETATTR, 2);
  await settled();
  const follower = activity.accessLog.follow();
  device.send(OPCODE.GETATTR, 4);
  device.send(9_999, 6);
  await settled();
  const lines = Buffer.from(await follower.read(10_000))
    .toString()
    .trim()
    .split('\n');
  t.deepEqual(
    lines.map((line) => line.split('\t').filter((_, i) => i !== 0 && i !== 6)),
    [
      ['other', '/1', '-', '-', 'ENOSYS', '0', '0', '-'],
      ['getattr', '/1', '-', '-', 'ok', '0', '0', '-'],
    ],
  );
  follower.close();
  device.send(OPCODE.READ, 8);
  await settled();
  t.is(activity.report.inFlight, 1);
  const caller = { isFollowing: false };
  const running = activity.begin('read', caller);
  caller.isFollowing = true;
  t.is(activity.report.inFlight, 1);
  activity.end(running, 0);
  t.false(
    activity.report.operations.some(({ name }) => name === 'read'),
    'its wait is no latency',
  );
  device.end();
  await served;
});

test('an interrupted request is answered with EINTR, once; an unknown one is said again', async (t) => {
  const { device, served, activity } = start();
  t.is(activity.report.interrupts, 0);
  const unique = uniqueOf(8);
  device.send(OPCODE.READ, 8);
  await settled();
  device.send(OPCODE.INTERRUPT, 9, unique);
  await settled();
  t.deepEqual(
    device.replies.map((reply) => [reply.unique, reply.errno]),
    [[8, constants.errno.EINTR]],
  );
  device.send(OPCODE.INTERRUPT, 9, unique);
  await settled();
  t.like(device.replies[1], { unique: 9, errno: constants.errno.EAGAIN });
  t.is(activity.report.interrupts, 1);
  device.end();
  await served;
});

/** The body of an INTERRUPT. */
function uniqueOf(request: number): Buffer {
  const body = Buffer.alloc(8);
  body.writeUInt32LE(request, 0);
  return body;
}

// S91
test('a request goes on after a signal that can wait, and is aborted after one that follows', async (t) => {
  const { device, served, threads } = start();
  threads.intent = 'continue';
  device.send(OPCODE.READ, 8);
  await settled();
  device.send(OPCODE.INTERRUPT, 9, uniqueOf(8));
  await until('its thread is looked at again', () => threads.looks > 3);
  t.deepEqual(device.replies, []);
  // The kernel interrupts a request once: nothing reports the second signal.
  threads.intent = 'abort';
  await until('it is answered', () => device.replies.length > 0);
  t.like(device.replies[0], { unique: 8, errno: constants.errno.EINTR });
  const { looks } = threads;
  await sleep(20);
  t.is(threads.looks, looks, 'no thread is looked at any more');
  device.end();
  await served;
});

// S92
test('a request whose thread cannot be seen is aborted a moment after a signal', async (t) => {
  const { device, served, threads } = start();
  threads.intent = 'unknown';
  device.send(OPCODE.READ, 8);
  await settled();
  device.send(OPCODE.INTERRUPT, 9, uniqueOf(8));
  await until('it is answered', () => device.replies.length > 0);
  t.like(device.replies[0], { unique: 8, errno: constants.errno.EINTR });
  t.true(threads.looks > 1);
  device.end();
  await served;
});

test('what a handler throws at once is the answer to its request alone', async (t) => {
  const { device, served } = start();
  device.send(OPCODE.LISTXATTR, 2, Buffer.alloc(8));
  device.send(OPCODE.LISTXATTR, 4);
  device.send(OPCODE.GETATTR, 6);
  await settled();
  t.deepEqual(
    device.replies.map(({ unique, errno }) => [unique, errno]),
    [
      [2, constants.errno.EIO],
      [4, constants.errno.EPROTO],
      [6, 0],
    ],
  );
  device.end();
  await served;
});

test('what is in flight when the connection ends is aborted', async (t) => {
  const { device, served } = start();
  device.send(OPCODE.READ, 8);
  await settled();
  device.end();
  await served;
  await settled();
  t.like(device.replies[0], { unique: 8, errno: constants.errno.EINTR });
});

test('a request whose content is being copied is not answered yet, and the connection is handed over then', async (t) => {
  const { device, session, served } = start();
  device.send(OPCODE.READ, 8, Buffer.alloc(40));
  await settled();
  session.handOver(10_000);
  let how: MountEnd | undefined;
  void served.then((end) => (how = end));
  await settled();
  t.is(how, undefined);
  t.is(device.copying.length, 1);
  t.deepEqual(device.replies, []);
  for (const copy of device.copying) copy();
  t.is(await served, 'handed over');
  t.deepEqual(
    device.replies.map(({ unique, errno, payload }) => [unique, errno, payload.length]),
    [[8, 0, CONTENT_BYTES]],
  );
});

test('an interrupt of a request whose content is being copied is over with its reply', async (t) => {
  const { device, served, threads } = start();
  threads.intent = 'continue';
  device.send(OPCODE.READ, 8, Buffer.alloc(40));
  await settled();
  device.send(OPCODE.INTERRUPT, 9, uniqueOf(8));
  await until('its thread is looked at', () => threads.looks > 1);
  for (const copy of device.copying) copy();
  await settled();
  t.deepEqual(
    device.replies.map(({ unique, errno }) => [unique, errno]),
    [[8, 0]],
  );
  const { looks } = threads;
  await sleep(20);
  t.is(threads.looks, looks, 'no thread is looked at any more');
  device.end();
  await served;
});

test('FORGET is counted and never answered, even when it is malformed', async (t) => {
  const { device, served, forgotten } = start();
  const lookups = Buffer.alloc(8);
  lookups.writeUInt32LE(3, 0);
  device.send(OPCODE.FORGET, 2, lookups);
  device.send(OPCODE.FORGET, 4, Buffer.alloc(3));
  device.send(OPCODE.BATCH_FORGET, 6, Buffer.from([255, 255, 255, 255, 0, 0, 0, 0]));
  await settled();
  t.deepEqual(forgotten, [{ nodeId: 1, lookups: 3 }]);
  t.deepEqual(device.replies, []);
  device.end();
  await served;
});

test('random messages never end the session', async (t) => {
  const { device, served } = start();
  let state = 7;
  const random = (limit: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return (state >>> 8) % limit;
  };
  for (let i = 0; i < 3_000; i += 1) {
    const body = Buffer.from(Array.from({ length: random(60) }, () => random(256)));
    if (i % 2 === 0) device.sendRaw(body);
    else device.send(random(60), 2 * i, body);
  }
  await new Promise((resolve) => setTimeout(resolve, 100));
  device.send(OPCODE.GETATTR, 1_000_000);
  await settled();
  t.like(device.replies.at(-1), { unique: 1_000_000, errno: 0 });
  device.end();
  await served;
});

test('more requests are expected where several are under way', async (t) => {
  const { device, served } = start();
  device.send(OPCODE.GETATTR, 2);
  await settled();
  device.send(OPCODE.READ, 4);
  device.send(OPCODE.READ, 6);
  device.send(OPCODE.GETATTR, 8);
  await settled();
  t.deepEqual(device.busy, [false, false, true, true]);
  device.end();
  await served;
});

const AGREEMENT: Agreement = { minor: 40, kernelMinor: 45, passthrough: true, resend: true };

// S160
test('a session that goes on requests what was not answered, before it reads any request', async (t) => {
  const { device, served, session, threads } = start(AGREEMENT);
  t.deepEqual(await session.agreement, AGREEMENT);
  t.deepEqual(device.notified, [NOTIFY.RESEND]);
  device.send(OPCODE.GETATTR, 2, undefined, true);
  device.send(OPCODE.READ, 4, undefined, true);
  await settled();
  t.like(device.replies, [{ unique: 2, isResent: true, errno: 0 }], 'the reply has the bit, too');
  threads.intent = 'abort';
  const of = Buffer.alloc(8);
  of.writeUInt32LE(4, 0);
  of.writeUInt32LE(0x8000_0000, 4);
  device.send(OPCODE.INTERRUPT, 5, of, true);
  await settled();
  t.like(
    device.replies[1],
    { unique: 4, isResent: true, errno: constants.errno.EINTR },
    'an interrupt finds it',
  );
  device.end();
  t.is(await served, 'unmounted');
});

test('a session that is handed over answers what it can, and leaves the rest', async (t) => {
  const { device, served, session } = start();
  device.send(OPCODE.READ, 2);
  await settled();
  device.send(OPCODE.GETATTR, 4);
  await settled();
  session.handOver(20);
  t.is(await served, 'handed over');
  await settled();
  t.deepEqual(
    device.replies.map(({ unique }) => unique),
    [4],
  );
});

test('a session that is handed over does not wait when nothing runs', async (t) => {
  const { served, session } = start();
  session.handOver(600_000);
  t.is(await served, 'handed over');
});

for (const [major, minor] of [
  [8, 0],
  [7, 30],
] as const) {
  test(`a kernel that speaks ${major}.${minor} ends the start with an error that names both versions`, async (t) => {
    const { device, served, session } = start();
    const body = Buffer.alloc(64);
    body.writeUInt32LE(major, 0);
    body.writeUInt32LE(minor, 4);
    device.send(OPCODE.INIT, 2, body);
    const error = await t.throwsAsync(session.agreement, { instanceOf: ProtocolVersionError });
    t.is(error.message, `FUSE protocol: the kernel speaks ${major}.${minor}, d7y-mount speaks 7.31 to 7.40`);
    t.like(device.replies[0], { unique: 2, errno: constants.errno.EPROTO });
    device.end();
    await served;
  });
}

test('the kernel may have many more reads under way than those of one server that hangs', async (t) => {
  const { device, served } = start();
  const body = Buffer.alloc(64);
  body.writeUInt32LE(7, 0);
  body.writeUInt32LE(40, 4);
  device.send(OPCODE.INIT, 2, body);
  await settled();
  const { payload = Buffer.alloc(0) } = device.replies[0] ?? {};
  const [maxBackground, congestionThreshold] = [payload.readUInt16LE(16), payload.readUInt16LE(18)];
  t.true(maxBackground >= 4096);
  // Readahead gives way long before that.
  t.is(congestionThreshold, 96);
  device.end();
  await served;
});

test('a connection that ends before INIT ends the start', async (t) => {
  const { device, served, session } = start();
  device.end();
  await t.throwsAsync(session.agreement, { message: /ended before INIT/ });
  await served;
});
