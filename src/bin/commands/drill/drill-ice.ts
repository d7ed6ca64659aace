import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { OpenedImage } from '../../../ice/open-image.ts';
import { PartFault } from '../../../ice/part-fault.ts';
import type { Reading } from '../../../ice/patient-read.ts';
import { ImageFault } from '../../../ice/ports.ts';
import type { WorkFolder } from '../../../io/ice/work-folder.ts';
import type { DrillRecord } from '../../../model/ice/drill-record.ts';
import { printable } from '../../../model/problem.ts';
import { SeededRandom } from '../../../restore/drill/seeded-random.ts';
import { cronTerminal } from '../../cron-terminal.ts';
import type { IceContext } from '../../ice-context.ts';
import { EXIT, type ExitCode, printProblems } from '../../terminal.ts';
import { WrongUsage } from '../../wrong-usage.ts';
import { refuse } from '../archive/archive-options.ts';
import { type Brought, bringBack, needRoom } from '../ice/bring-back.ts';
import { chooseImages } from '../ice/choose-image.ts';
import { iceProblem, onIce, openStore, type StoreOptions } from '../ice/ice-options.ts';
import { holdKey, type KeyOptions } from '../ice/key-options.ts';
import { partProblem } from '../ice/part-problem.ts';
import { needThawed, needUnsquashfs, withWork } from '../ice/restore.ts';
import { type Drilled, drillArchive } from './drill-archive.ts';
import {
  type DrillOptions,
  drawOptions,
  drillsAt,
  needExtractor,
  noteDrill,
  roomFor,
  takeFolder,
} from './drill-options.ts';
import { drillOf, tellDrill } from './drill-report.ts';

/** Options of `drill`, of the ice too. */
export interface IceDrillOptions extends DrillOptions, StoreOptions, KeyOptions {
  ice?: boolean;
  image?: string;
  host?: string;
}

/** What a drill of the ice goes by. */
interface IceDrill {
  options: IceDrillOptions;
  draw: ReturnType<typeof drawOptions>;
  random: SeededRandom;
  reading: Reading;
  /** Where it is written down, and what stands there. */
  file: string;
  before: DrillRecord | undefined;
}

const NOTHING: Omit<Drilled, 'failures'> = { hosts: 0, versions: 0, files: 0, bytes: 0 };

/** The key opens what backups are made of: it belongs to no machine that they are made on. */
function refuseOnServer({ config }: IceContext): void {
  if (!existsSync(config)) return;
  refuse(
    'drill-place',
    { at: { file: config } },
    'this is the backup server',
    'the private key would have to be here, and whoever takes this machine would have it too',
    'run it where the key is; here brinicle drill without --ice restores from the archive',
  );
}

function isVerdict(thrown: unknown): thrown is PartFault | ImageFault {
  return thrown instanceof PartFault || thrown instanceof ImageFault;
}

/** Writes down that an image could not be brought back, and tells why. */
function noteLost(
  { draw, file, before }: IceDrill,
  image: string,
  thrown: PartFault | ImageFault,
  context: IceContext,
): ExitCode {
  const problem = thrown instanceof PartFault ? partProblem(thrown.trouble, image) : iceProblem(thrown);
  const failures = [{ host: image, version: undefined, path: undefined, what: problem.what }];
  const drill = drillOf({ ...NOTHING, failures }, context.now().at, draw.seed, { kind: 'ice', image });
  noteDrill(file, before, drill);
  printProblems(context.terminal, [problem]);
  return EXIT.problems;
}

async function bring(
  { options, reading, random }: IceDrill,
  images: readonly [OpenedImage, ...OpenedImage[]],
  work: WorkFolder,
  context: IceContext,
): Promise<Brought | undefined> {
  const key = await holdKey(options);
  try {
    return await bringBack(
      {
        images,
        host: options.host,
        pick: (accounts) => accounts[random.below(accounts.length)],
        work,
        keep: false,
        reading,
        decryptor: key.decryptor,
      },
      context,
    );
  } finally {
    key.putAway();
  }
}

/** Drills the host that came back from an image, and writes down what it came to. */
async function drillBrought(
  { options, draw, random, reading, file, before }: IceDrill,
  image: string,
  { tree, account }: Brought,
  work: WorkFolder,
  context: IceContext,
): Promise<ExitCode> {
  const held = takeFolder(join(work.folder, 'drill'));
  if (held === undefined) throw new Error('a drill in a folder of its own is under way');
  try {
    const drilled = await drillArchive(
      {
        reader: context.openArchive(tree),
        accounts: account === undefined ? [] : [account],
        shown: printable,
        limits: { files: draw.files, bytes: roomFor(draw.bytes, held.folder) },
        random,
        folder: held.folder,
        signal: reading.signal,
      },
      context,
    );
    const drill = drillOf(drilled, context.now().at, draw.seed, { kind: 'ice', image });
    noteDrill(file, before, drill);
    const fix = (): string =>
      'take it from an image before or after this one (brinicle ice list); on the backup server brinicle verify says whether it is damaged there too';
    return tellDrill(drilled, drill, { from: image, fix }, options.json === true, context.terminal);
  } finally {
    held.lock.release();
  }
}

async function drillThrough(job: IceDrill, work: WorkFolder, context: IceContext): Promise<ExitCode> {
  const images = await chooseImages(job.reading, job.options.image, context);
  const [{ name }] = images;
  await needThawed(job.reading, images);
  const there = images.reduce((sum, image) => sum + work.squashfsBytes(image.name), 0);
  const largest = Math.max(...images.map(({ index }) => index.squashfs.bytes));
  needRoom(work, Math.max(0, largest - there), 'this drill');
  let code: ExitCode;
  try {
    const brought = await bring(job, images, work, context);
    if (brought === undefined) throw new Error('troubles of parts are thrown, and none was');
    code = await drillBrought(job, name, brought, work, context);
  } catch (thrown) {
    // All else says nothing of the image, and the next run goes on with what was fetched.
    if (!isVerdict(thrown)) throw thrown;
    code = noteLost(job, name, thrown, context);
  }
  work.clear();
  return code;
}

/** `drill --ice`: decrypts the newest image on the ice, restores some files of it, drawn by chance, and compares them. */
export async function iceDrillCommand(options: IceDrillOptions, given: IceContext): Promise<ExitCode> {
  const context =
    options.cron === true
      ? { ...given, terminal: cronTerminal(given, 'brinicle-drill'), errIsTerminal: false }
      : given;
  return onIce(context, async (signal) => {
    if (options.drills === undefined)
      throw new WrongUsage('say where the drill is written down, for brinicle ice watch: --drills FILE');
    const draw = drawOptions(options);
    refuseOnServer(context);
    needUnsquashfs();
    needExtractor(context);
    const file = resolve(options.drills);
    const before = drillsAt(file);
    const reading = await openStore(options, context, signal);
    const job = { options, draw, random: new SeededRandom(draw.seed), reading, file, before };
    return withWork(resolve(options.work ?? '.'), (work) => drillThrough(job, work, context));
  });
}
