import test from 'ava';

import { type MemoryShare, MemoryShares } from '../../src/cache/memory-shares.js';
import { ReservationQueue } from '../../src/cache/reservation-queue.js';

class Fixture {
  readonly shares = new MemoryShares();
  readonly granted: string[] = [];
  /** What is left of a share; of others there is enough. */
  readonly leftBytes = new Map<MemoryShare, number>();
  /** How many reservations the queue has examined. */
  examined = 0;
  freeBytes = 0;
  readonly queue = new ReservationQueue({
    isGrantable: (bytes) => bytes <= this.freeBytes,
    commit: (bytes) => {
      this.freeBytes -= bytes;
    },
    isBeyondShare: (bytes, share) => {
      this.examined += 1;
      return bytes > (this.leftBytes.get(share) ?? Infinity);
    },
    onStuck: () => undefined,
  });

  share(host: string): MemoryShare {
    return this.shares.acquire(`http://${host}/`, undefined);
  }

  async wait(name: string, bytes: number, share?: MemoryShare, signal?: AbortSignal): Promise<void> {
    await this.queue.wait(bytes, signal, share);
    this.granted.push(name);
  }
}

test('reads that wait in an exceeded share cost others nothing', async (t) => {
  const fixture = new Fixture();
  const hung = fixture.share('hung');
  fixture.leftBytes.set(hung, 0);
  for (let i = 0; i < 1_000; i += 1) void fixture.wait(`hung ${i}`, 1, hung);
  fixture.freeBytes = 1;
  fixture.examined = 0;
  await fixture.wait('healthy', 1, fixture.share('healthy'));
  fixture.queue.grant();
  t.deepEqual(fixture.granted, ['healthy']);
  t.true(fixture.examined < 10, `${fixture.examined} examined`);
});

test('first come, first served: within a share, and among shares that are not exceeded', async (t) => {
  const fixture = new Fixture();
  const [one, two] = [fixture.share('one'), fixture.share('two')];
  const waiting = [
    fixture.wait('one a', 8, one),
    fixture.wait('two a', 1, two),
    fixture.wait('one b', 1, one),
    fixture.wait('nobody a', 1),
    fixture.wait('two b', 1, two),
  ];
  // The large one holds up those of its share only, and only as long as that is exceeded.
  fixture.leftBytes.set(one, 0);
  fixture.freeBytes = 2;
  fixture.queue.grant();
  await Promise.all([waiting[1], waiting[3]]);
  fixture.leftBytes.clear();
  fixture.freeBytes = 10;
  fixture.queue.grant();
  await Promise.all(waiting);
  t.deepEqual(fixture.granted, ['two a', 'nobody a', 'one a', 'one b', 'two b']);
});

test('a small reservation does not overtake a large one of its share', async (t) => {
  const fixture = new Fixture();
  const share = fixture.share('one');
  fixture.leftBytes.set(share, 4);
  fixture.freeBytes = 10;
  const controller = new AbortController();
  const large = fixture.wait('large', 8, share, controller.signal);
  const small = fixture.wait('small', 1, share);
  await fixture.wait('other', 1, fixture.share('two'));
  t.deepEqual(fixture.granted, ['other']);
  controller.abort(new Error('given up'));
  await t.throwsAsync(large, { message: 'given up' });
  await small;
  t.deepEqual(fixture.granted, ['other', 'small']);
});
