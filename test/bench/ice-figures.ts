import { randomFillSync } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { startStrictS3 } from '../ice/strict-s3.ts';
import { IceLab } from '../offsite/ice-lab.ts';
import { repositoryFolder } from '../throwaway/base.ts';
import { runProgram } from '../throwaway/run-program.ts';
import { scaled, sizeText } from './bench-scale.ts';
import { type FigureGroup, figureOf, ratioOf } from './figure.ts';
import { type Measured, measuring, readMeasured } from './measured-run.ts';
import uploadProgram from './upload.py';

const ROUNDS = 3;
const MIB = 2 ** 20;
const HOSTS = 16;

/** What mksquashfs may take, and what the rest of a run may take beside it. */
const CAP_MIB = 128;
const BESIDE_MIB = 200;

const WORDS =
  'the of and to in a is that for it as was with be by on not he his but at are this have from or had an they'.split(
    ' ',
  );

/** Text as a machine has it: few words, many times. The same for a seed each time. */
function text(bytes: number, seed: number): Buffer {
  const lines: string[] = [];
  let state = seed + 1;
  let length = 0;
  while (length < bytes) {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    const word = `${WORDS[state % WORDS.length]}${state % 977} `;
    lines.push(word);
    length += word.length;
  }
  return Buffer.from(lines.join('').slice(0, bytes));
}

/** A host's files: many small ones of text, some larger, half of whose bytes do not shrink. */
function filesOf(host: number, bytes: number): Record<string, Buffer> {
  const files: Record<string, Buffer> = {};
  let left = bytes;
  for (let number = 0; left > 0; number++) {
    const seed = host * 100_000 + number;
    const size = Math.min(left, number % 40 === 0 ? 2 * MIB : 2000 + (seed % 40_000));
    files[`f${number}`] = number % 2 === 0 ? randomFillSync(Buffer.alloc(size)) : text(size, seed);
    left -= size;
  }
  return files;
}

async function measured(
  lab: IceLab,
  argv: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Measured> {
  const file = join(lab.folder, 'measured.json');
  const ran = await runProgram(measuring(file, argv), { env: { ...process.env, ...env } });
  if (ran.code !== 0) throw new Error(`${argv.join(' ')} ended with ${ran.code}: ${ran.stderr}`);
  return readMeasured(await readFile(file, 'utf8'));
}

const secondsOf = (runs: readonly Measured[]): number[] => runs.map(({ seconds }) => seconds);

/** An image onto the ice, and back, beside the pipeline that people write into a cron script. */
export async function iceFigures(): Promise<FigureGroup[]> {
  const python = join(repositoryFolder(), '.cache/stores/bin/python3');
  if (!existsSync(python))
    throw new Error('the peer uploads by boto3: run make test once, which installs it');
  const lab = new IceLab();
  const store = await startStrictS3({ buckets: { ice: {}, peer: { demandsIfNoneMatch: false } } });
  try {
    const bytes = scaled(2048) * MIB;
    for (let host = 0; host < HOSTS; host++)
      lab.commit(`bk-host${host}`, 1_800_000_000 + host, filesOf(host, bytes / HOSTS));
    const config = {
      part_bytes: 256 * MIB,
      memory_bytes: CAP_MIB * MIB,
      processors: availableParallelism(),
    };
    const upload = join(lab.folder, 'upload.py');
    writeFileSync(upload, uploadProgram);
    const keys = store.keys(['s3:PutObject', 's3:AbortMultipartUpload']);
    const offsite = ['node', join(repositoryFolder(), 'dist/offsite.cjs')];
    const image = join(lab.folder, 'peer.squashfs');
    const script = `mksquashfs ${lab.archive} ${image} -e .offsite -noappend -quiet -no-progress && gpg --homedir ${lab.keyring} --batch --yes --trust-model always --encrypt -z 0 -r ${lab.fingerprint} ${image} && ${python} ${upload} ${store.endpoint} peer ${image}.gpg && rm ${image} ${image}.gpg`;
    const ours: Measured[] = [];
    const theirs: Measured[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      lab.configure({ ...config, store: store.location('create') });
      ours.push(await measured(lab, [...offsite, '--config', lab.config]));
      theirs.push(
        await measured(lab, ['sh', '-c', script], {
          AWS_ACCESS_KEY_ID: keys.id,
          AWS_SECRET_ACCESS_KEY: keys.secret,
        }),
      );
    }
    return [
      {
        title: `An image of ${sizeText(bytes)} of mixed content onto the ice`,
        figures: [
          figureOf('`brinicle-offsite`', 's', secondsOf(ours)),
          figureOf('`mksquashfs`, `gpg -z 0`, upload by boto3', 's', secondsOf(theirs)),
          ratioOf('ours / the pipeline', secondsOf(ours), secondsOf(theirs), 0.9),
          figureOf(
            `largest process, mksquashfs with ${CAP_MIB} MiB among them`,
            'MiB',
            ours.map(({ peakMiB }) => peakMiB),
            CAP_MIB + BESIDE_MIB,
          ),
        ],
      },
      await restoreFigures(lab, config, bytes),
    ];
  } finally {
    await store.close();
    lab.remove();
  }
}

async function restoreFigures(
  lab: IceLab,
  config: Parameters<IceLab['configure']>[0],
  bytes: number,
): Promise<FigureGroup> {
  const offsite = ['node', join(repositoryFolder(), 'dist/offsite.cjs')];
  lab.configure({ ...config });
  await measured(lab, [...offsite, '--config', lab.config]);
  const parts = join(lab.store, '*', 'part-*.gpg');
  const work = join(lab.folder, 'back');
  const ours: Measured[] = [];
  const theirs: Measured[] = [];
  const fresh = (): void => {
    rmSync(work, { recursive: true, force: true });
    mkdirSync(work);
  };
  for (let round = 0; round < ROUNDS; round++) {
    fresh();
    ours.push(
      await measured(
        lab,
        [
          ...offsite,
          'ice',
          'restore',
          '--store',
          lab.store,
          '--to',
          join(work, 'archive'),
          '--work',
          join(work, 'work'),
        ],
        { GNUPGHOME: lab.keyring },
      ),
    );
    fresh();
    const script = `cd ${work} && for part in ${parts}; do gpg --homedir ${lab.keyring} --batch --quiet --decrypt $part || exit 1; done > image && unsquashfs -quiet -no-progress -d tree image`;
    theirs.push(await measured(lab, ['sh', '-c', script]));
  }
  return {
    title: `${sizeText(bytes)} of mixed content back from the ice`,
    figures: [
      figureOf('`brinicle ice restore`', 's', secondsOf(ours)),
      figureOf('`gpg -d`, `unsquashfs`', 's', secondsOf(theirs)),
      ratioOf('ours / `gpg -d`, `unsquashfs`', secondsOf(ours), secondsOf(theirs), 1.2),
    ],
  };
}
