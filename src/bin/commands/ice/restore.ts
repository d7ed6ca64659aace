import { lstatSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { askToThaw } from '../../../ice/ask-to-thaw.ts';
import type { OpenedImage } from '../../../ice/open-image.ts';
import { PartFault } from '../../../ice/part-fault.ts';
import type { Reading } from '../../../ice/patient-read.ts';
import { thawTime } from '../../../ice/storage-class.ts';
import { unsquashfsUnusable } from '../../../io/ice/unsquashfs.ts';
import { WorkFolder } from '../../../io/ice/work-folder.ts';
import { printable } from '../../../model/problem.ts';
import { count, span } from '../../../report/figures.ts';
import type { IceContext } from '../../ice-context.ts';
import { EXIT, type ExitCode, printProblems } from '../../terminal.ts';
import { WrongUsage } from '../../wrong-usage.ts';
import { refuse } from '../archive/archive-options.ts';
import { restoreCommand } from '../archive/restore.ts';
import { type Brought, bringBack, needRoom } from './bring-back.ts';
import { checkObjects } from './check-objects.ts';
import { chooseImages } from './choose-image.ts';
import { onIce, openStore, type StoreOptions } from './ice-options.ts';
import { holdKey, type KeyOptions } from './key-options.ts';
import { partProblem } from './part-problem.ts';

/** Options of `ice restore`. */
export interface IceRestoreOptions extends StoreOptions, KeyOptions {
  image?: string;
  host?: string;
  at: string;
  to: string;
  work?: string;
  keep?: boolean;
}

/** Runs what works in the folder in which images are put together; ends the command where it cannot be used. */
export async function withWork<Result>(
  parent: string,
  run: (work: WorkFolder) => Promise<Result>,
): Promise<Result> {
  const work = new WorkFolder(parent);
  if (!work.isPrivate)
    refuse(
      'ice-work',
      { at: { file: work.folder } },
      'another user may enter it, or made it',
      'all that was ever backed up lies in it as plain text for a while',
      'name another place by --work DIR, or remove it',
    );
  const lock = work.lock();
  if (lock === undefined)
    refuse(
      'ice-work',
      { at: { file: work.folder } },
      'another run works in it',
      'two at once would undo what each other does',
      'wait for it, or name another place by --work DIR',
    );
  try {
    return await run(work);
  } finally {
    lock.release();
  }
}

/** Ends the command when unsquashfs is missing. */
export function needUnsquashfs(): void {
  const unusable = unsquashfsUnusable();
  if (unusable === undefined) return;
  refuse(
    'ice-refused',
    {},
    `unsquashfs cannot be run: ${printable(unusable)}`,
    'an image is a squashfs',
    'install it: package squashfs-tools',
  );
}

/** Asks for parts that must thaw, and ends the command while they do. */
export async function needThawed(reading: Reading, images: readonly OpenedImage[]): Promise<void> {
  const objects = images.flatMap(({ placement }) =>
    placement.parts.flatMap(({ candidates }) => candidates.slice(0, 1)),
  );
  const { waiting, said } = await askToThaw(reading, objects);
  if (waiting.length === 0) return;
  refuse(
    'ice-thaw',
    {},
    `${count(waiting.length)} of ${count(objects.length)} parts must thaw first: ${printable(said)}`,
    'the store keeps this class where it cannot be read at once',
    `run the same again in ${thawTime(waiting)}; with a credential that may not ask for it, thaw them as docs/recovery.md says`,
  );
}

function checkTarget(to: string): void {
  const found = lstatSync(to, { throwIfNoEntry: false });
  if (found === undefined || (found.isDirectory() && readdirSync(to).length === 0)) return;
  refuse(
    'restore-target',
    { at: { file: to } },
    'it is not empty',
    'what is restored must not mix with what is there',
    'name a folder that is empty or not there yet',
  );
}

/**
 * The whole archive becomes the folder that was asked for, by a rename. Of one that was put together from several
 * images, each object was taken from where it was right; where it is right nowhere, that is told.
 */
function giveWhole({ tree, images }: Brought, to: string, context: IceContext): ExitCode {
  const { problems } = images > 1 ? checkObjects(tree, 'the archive') : { problems: [] };
  mkdirSync(dirname(to), { recursive: true });
  renameSync(tree, to);
  printProblems(context.terminal, problems);
  return problems.length > 0 ? EXIT.problems : EXIT.fine;
}

function checkSameDisk(work: WorkFolder, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  if (statSync(work.folder).dev === statSync(dirname(to)).dev) return;
  refuse(
    'ice-work',
    { at: { file: work.folder } },
    `it is on another file system than ${printable(to, 4096)}`,
    'the archive is moved there as a whole, once it is unpacked',
    'leave --work out, or name a folder beside it; with --host it may lie anywhere',
  );
}

async function bring(
  options: IceRestoreOptions,
  work: WorkFolder,
  reading: Reading,
  context: IceContext,
): Promise<Brought | undefined> {
  const images = await chooseImages(reading, options.image, context);
  await needThawed(reading, images);
  const whole = options.host === undefined;
  const sizes = images.map(({ index }) => index.squashfs.bytes);
  const there = images.reduce((sum, { name }) => sum + work.squashfsBytes(name), 0);
  const squashfs = options.keep === true ? sizes.reduce((sum, bytes) => sum + bytes, 0) : Math.max(...sizes);
  const unpacked = whole ? images.reduce((sum, { index }) => sum + index.holds.bytes, 0) : 0;
  needRoom(work, Math.max(0, squashfs - there) + unpacked, 'this restore');
  const key = await holdKey(options);
  try {
    return await bringBack(
      {
        images,
        host: options.host,
        work,
        keep: options.keep === true,
        reading,
        decryptor: key.decryptor,
      },
      context,
    );
  } catch (thrown) {
    if (!(thrown instanceof PartFault)) throw thrown;
    printProblems(context.terminal, [partProblem(thrown.trouble, images[0].name)]);
    return undefined;
  } finally {
    key.putAway();
  }
}

/** Brings what was asked for into the work folder, and from there to where it is to be. */
async function restoreThrough(
  work: WorkFolder,
  paths: readonly string[],
  options: IceRestoreOptions,
  reading: Reading,
  context: IceContext,
): Promise<ExitCode> {
  const { terminal } = context;
  const to = resolve(options.to);
  const shown = printable(to, 4096);
  const began = context.now().at;
  if (options.host === undefined) checkSameDisk(work, to);
  const brought = await bring(options, work, reading, context);
  if (brought === undefined) return EXIT.problems;
  const { tree, account, healed } = brought;
  if (healed > 0)
    terminal.err(`objects that were damaged in one image and right in another: ${count(healed)}\n`);
  let code: ExitCode = EXIT.fine;
  if (account === undefined) code = giveWhole(brought, to, context);
  else code = await restoreCommand(account, paths, { archive: tree, at: options.at, to }, context);
  if (options.keep !== true && (account === undefined || code === EXIT.fine)) work.clear();
  else
    terminal.err(
      `what was fetched lies in ${printable(work.folder, 4096)}: remove it when you need it no more\n`,
    );
  if (account === undefined)
    terminal.err(
      `the archive is in ${shown}, after ${span(context.now().at - began)}: brinicle versions --archive ${shown}\n`,
    );
  return code;
}

/** `ice restore [PATH…]`: a host's files, or the whole archive, from the ice alone. */
export async function iceRestoreCommand(
  paths: readonly string[],
  options: IceRestoreOptions,
  context: IceContext,
): Promise<ExitCode> {
  return onIce(context, async (signal) => {
    const to = resolve(options.to);
    if (options.host === undefined && paths.length > 0) throw new WrongUsage('paths need --host HOST');
    if (options.host === undefined && options.at !== 'latest')
      throw new WrongUsage('--at chooses a version of a host: it needs --host HOST');
    checkTarget(to);
    needUnsquashfs();
    const reading = await openStore(options, context, signal);
    return withWork(resolve(options.work ?? dirname(to)), (work) =>
      restoreThrough(work, paths, options, reading, context),
    );
  });
}
