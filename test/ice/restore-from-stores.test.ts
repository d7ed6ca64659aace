import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { StoreLocation } from '../../src/model/ice/store-location.ts';
import { differencesTo } from '../restore/scratch.ts';
import { type MadeImage, makeImage } from './make-image.ts';
import { requireIce } from './require-ice.ts';
import { type RanIce, runIce } from './run-ice.ts';
import { startStrictGoogle } from './strict-google.ts';
import { startStrictS3 } from './strict-s3.ts';
import { withOffice } from './with-office.ts';

/** A store that enforces rights, as a real one does, with a credential for it that may only list and read. */
interface ReadOnlyStore {
  location: Exclude<StoreLocation, { kind: 'folder' }>;
  /** A credential that the store does not know. */
  wrong: string;
  /** Puts an object there, in front of one of that name. */
  plant(name: string, content: Uint8Array): void;
  close(): Promise<void>;
}

const prefix = 'office/';

const STORES: readonly [string, () => Promise<ReadOnlyStore>][] = [
  [
    'Google Cloud Storage',
    async () => {
      const double = await startStrictGoogle({ buckets: { ice: { versioning: true } } });
      return {
        location: double.location('read', { prefix }),
        wrong: double.wrongCredentialFile(),
        plant: (name, content) => {
          double.plant(prefix + name, content);
        },
        close: () => double.close(),
      };
    },
  ],
  [
    'Amazon S3',
    async () => {
      const double = await startStrictS3();
      return {
        location: double.location('read', { prefix }),
        wrong: double.wrongCredentialFile('secret'),
        plant: (name, content) => {
          double.plant(prefix + name, content);
        },
        close: () => double.close(),
      };
    },
  ],
];

requireIce()('promise 7: what the server’s credential adds takes nothing away', () => {
  let image: MadeImage;
  const office = withOffice((made) => {
    image = makeImage({ ...made, began: '2026-11-15T030000Z', recipients: [made.recipient] });
    writeFileSync(join(made.scratch, 'recipient.asc'), made.gpg.publicKey(made.recipient));
  });

  test.each(STORES)('%s, by a credential that may only list and read', async (name, start) => {
    const store = await start();
    const { location, plant } = store;
    const scheme = location.kind === 'google' ? 'gs' : 's3';
    const place = [
      ...['--store', `${scheme}://${location.bucket}/office`, '--endpoint', location.endpoint ?? ''],
      ...(location.kind === 's3' ? ['--region', location.region] : []),
    ];
    const run = (
      command: string,
      args: readonly string[] = [],
      credentials = location.credentials ?? '',
    ): Promise<RanIce> => runIce([command, ...place, '--credentials', credentials, ...args]);
    try {
      const index = image.indexPath.slice(image.folder.length + 1);
      const own = [...image.index.parts.map((part) => part.name), index];
      for (const one of own) plant(`${image.name}/${one}`, readFileSync(join(image.folder, one)));
      expect((await run('list')).out).toMatch(new RegExp(`\\n${image.name} .* complete\\n$`));
      // The double's clock is this machine's, so the image is of now; the other checks are test/ice/watch.test.ts.
      const watch = [
        '--recipient',
        join(office().scratch, 'recipient.asc'),
        '--no-drills',
        '--every',
        '9999',
      ];
      expect(await run('watch', watch)).toMatchObject({ code: 0, err: '' });
      // A server that was taken over uploads under all names that are there.
      for (const one of own) plant(`${image.name}/${one}`, Buffer.from('nothing of yours is left'));
      const watched = await run('watch', watch);
      expect(watched.code).toBe(1);
      expect(watched.err).toContain('error [ice-meddling]');
      const verified = await run('verify', ['--download', '--no-decrypt']);
      expect(verified.out).toContain('read, and compared with the index, but not decrypted\n');
      expect(verified.err).toContain('errors: 0, warnings: 2');
      const to = join(office().scratch, `from ${name}`);
      expect(await run('restore', ['--host', 'web1', '--to', to])).toMatchObject({ code: 0 });
      expect(differencesTo(office().tree, to)).toEqual(['cS+++++++++ links/socket']);
      const refused = await run('list', [], store.wrong);
      expect(refused.code).toBe(1);
      expect(refused.err).toContain('error [ice-unreachable]');
    } finally {
      await store.close();
    }
  });
});
