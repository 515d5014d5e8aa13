import test from 'ava';

import { ListingTooLong, MAX_LISTED_ENTRIES } from '../../src/source/listing-limits.js';
import { BlobListing } from '../../src/source/schemes/blob/blob-listing.js';
import { ObjectListing } from '../../src/source/schemes/bucket/object-listing.js';

for (const { name, create, rowDepth, keptDepth, rows } of [
  {
    name: 'a page of a bucket',
    create: () => new ObjectListing(),
    rowDepth: 2,
    // Of a row only those are kept that are used.
    keptDepth: 2,
    rows: [
      ['Contents', 'Key'],
      ['CommonPrefixes', 'Prefix'],
    ],
  },
  {
    name: 'a page of a container',
    create: () => new BlobListing(),
    rowDepth: 3,
    keptDepth: 4,
    rows: [
      ['Blob', 'Name'],
      ['BlobPrefix', 'Name'],
    ],
  },
] as const) {
  test.serial(
    `${name} has as many entries as a directory may have, and keeps some thousand elements beside them`,
    (t) => {
      for (const [row] of rows) {
        const listing = create();
        for (let i = 0; i < MAX_LISTED_ENTRIES; i += 1) listing.onClose(row, '', rowDepth);
        t.throws(() => listing.onClose(row, '', rowDepth), { instanceOf: ListingTooLong });
      }
      const listing = create();
      t.throws(
        () => {
          for (let i = 0; i < 5_000; i += 1) listing.onClose(`x${i}`, '', keptDepth);
        },
        { name: 'MalformedXml' },
      );
    },
  );

  test.serial(`${name} leaves other work its turns, however long it is`, async (t) => {
    for (const [row, key] of rows) {
      const listing = create();
      for (let i = 0; i < 100_000; i += 1) {
        listing.onOpen(row, rowDepth, {});
        listing.onClose(key, `dir/${i}`, rowDepth + 1);
        listing.onClose(row, '', rowDepth);
      }
      let [turns, isOver] = [0, false];
      const count = (): void => {
        turns += 1;
        if (!isOver) setImmediate(count);
      };
      setImmediate(count);
      const { entries } = await listing.page(new URL('x://bucket/dir/'), 'dir/', undefined);
      isOver = true;
      t.is(entries.length, 100_000);
      // Each has some two thousand of them.
      t.true(turns > 25, `${turns}`);
    }
  });
}
