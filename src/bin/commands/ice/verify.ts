import { resolve } from 'node:path';
import { type OpenedImage, openImage } from '../../../ice/open-image.ts';
import type { PartTrouble } from '../../../ice/part-fault.ts';
import type { Reading } from '../../../ice/patient-read.ts';
import { readParts } from '../../../ice/read-parts.ts';
import { type SurveyedImage, surveyIce } from '../../../ice/survey-ice.ts';
import { gpgUnusable } from '../../../io/ice/gpg.ts';
import type { WorkFolder } from '../../../io/ice/work-folder.ts';
import { type Problem, printable } from '../../../model/problem.ts';
import { byteSize, count } from '../../../report/figures.ts';
import type { IceContext } from '../../ice-context.ts';
import { ProgressBar } from '../../progress-bar.ts';
import { EXIT, type ExitCode, printProblems } from '../../terminal.ts';
import { WrongUsage } from '../../wrong-usage.ts';
import { refuse } from '../archive/archive-options.ts';
import { JsonList } from '../archive/json-list.ts';
import { bringBack, needRoom } from './bring-back.ts';
import { checkObjects } from './check-objects.ts';
import { iceProblem, onIce, openStore, refuseTooMany, type StoreOptions } from './ice-options.ts';
import { type HeldKey, holdKey, type KeyOptions } from './key-options.ts';
import { partProblem } from './part-problem.ts';
import { needThawed, needUnsquashfs, withWork } from './restore.ts';

/** Options of `ice verify`. */
export interface IceVerifyOptions extends StoreOptions, KeyOptions {
  download?: boolean;
  decrypt: boolean;
  work: string;
}

/** Parts that are named of one image, at most. */
const MOST_NAMED = 20;

/** How far an image was looked into. */
type Depth = 'listed' | 'read' | 'decrypted';

/** What a look at one image came to. */
interface Check {
  image: SurveyedImage;
  depth: Depth;
  /** Objects of its hosts that were compared with their names. */
  objects: number;
  troubles: readonly PartTrouble[];
  problems: readonly Problem[];
}

/** What the checks of all images share. */
interface Checking {
  reading: Reading;
  context: IceContext;
  /** Where images are put together, and by which key; nothing when none is decrypted. */
  opening: { key: HeldKey; work: WorkFolder } | undefined;
  download: boolean;
}

async function decryptAll(
  image: OpenedImage,
  { reading, context }: Checking,
  { key, work }: { key: HeldKey; work: WorkFolder },
  tellTrouble: (trouble: PartTrouble) => void,
): Promise<{ objects: number; problems: Problem[] }> {
  // What another run left is no proof of what the store has.
  work.remove(work.tree);
  needRoom(work, image.index.squashfs.bytes + image.index.holds.bytes, `decrypting ${image.name}`);
  const brought = await bringBack(
    {
      images: [image],
      host: undefined,
      work,
      keep: false,
      reading,
      decryptor: key.decryptor,
      tellTrouble,
    },
    context,
  );
  return brought === undefined ? { objects: 0, problems: [] } : checkObjects(brought.tree, image.name);
}

async function readAll(
  image: OpenedImage,
  { reading, context }: Checking,
  tellTrouble: (trouble: PartTrouble) => void,
): Promise<void> {
  const { parts } = image.placement;
  const total = parts.reduce((sum, { part }) => sum + part.bytes, 0);
  const bar = context.errIsTerminal
    ? new ProgressBar(context.terminal.err, () => context.now().at)
    : undefined;
  try {
    await readParts(
      reading,
      parts,
      (bytes, part) => bar?.show(bytes, total, bytes, `part ${count(part)} of ${count(parts.length)}`),
      tellTrouble,
    );
  } finally {
    bar?.end();
  }
}

/** Looks into an image as deep as was asked for. */
async function lookInto(image: SurveyedImage, checking: Checking): Promise<Omit<Check, 'image'>> {
  const listed = { depth: 'listed', objects: 0, troubles: image.lacking, problems: [] } as const;
  if (!checking.download || image.says === undefined) return listed;
  const opened = await openImage(checking.reading, image.name);
  if (opened === undefined) return listed;
  await needThawed(checking.reading, [opened]);
  const troubles: PartTrouble[] = [];
  const tell = (trouble: PartTrouble): void => {
    troubles.push(trouble);
  };
  const { opening } = checking;
  if (opening?.key.opens(opened.index.recipients) === true) {
    const found = await decryptAll(opened, checking, opening, tell);
    return { depth: 'decrypted', troubles, ...found };
  }
  await readAll(opened, checking, tell);
  return { depth: 'read', objects: 0, troubles, problems: [] };
}

function ownProblems(
  image: SurveyedImage,
  troubles: readonly PartTrouble[],
  hurts: readonly string[],
): Problem[] {
  const { name, incomplete, says, faults, meddling } = image;
  const problems = troubles.slice(0, MOST_NAMED).map((trouble) => partProblem(trouble, name, hurts));
  const [first] = troubles;
  if (first !== undefined && troubles.length > MOST_NAMED)
    problems.push(partProblem({ ...first, what: `${count(troubles.length)} parts like it` }, name, hurts));
  if (incomplete !== undefined && troubles.length === 0)
    problems.push({
      rule: says === undefined ? 'ice-index' : 'ice-chain',
      // An upload that is under way has no index yet.
      severity: says === undefined && faults.length === 0 ? 'info' : 'error',
      what: `${name}: ${incomplete}`,
      why: 'it cannot be restored',
      fix: 'if no upload is under way: restore the image before it (brinicle ice list)',
    });
  for (const what of says === undefined ? [] : [...meddling, ...faults])
    problems.push({
      rule: 'ice-meddling',
      severity: 'warning',
      what: `${name}: ${printable(what)}`,
      why: 'Brinicle uploads each object once and under a fresh name; what was there first counts, and can be restored',
      fix: 'treat the backup server, whose credential did this, as taken',
    });
  return problems;
}

const DONE: Record<Depth, string> = {
  listed: 'names, sizes and checksums compared with the index, as the store lists them',
  read: 'read, and compared with the index, but not decrypted',
  decrypted: 'read, decrypted, and compared with the index',
};

function checkLine({ image, depth, objects, troubles }: Check): string {
  const { name, says } = image;
  if (says === undefined) return `${name}: no index\n`;
  const more =
    depth === 'decrypted' && objects > 0 ? `; ${count(objects)} objects compared with their names` : '';
  const result = troubles.length === 0 ? '' : `; parts that are lost or wrong: ${count(troubles.length)}`;
  return `${name}: ${count(says.parts)} parts, ${byteSize(says.partBytes)}, ${DONE[depth]}${more}${result}\n`;
}

function checkJson({ image, depth, objects, troubles, problems }: Check): Record<string, unknown> {
  return {
    image: image.name,
    depth,
    parts: image.says?.parts ?? null,
    objects,
    troubles,
    problems: problems.map(({ rule, severity, what }) => ({ rule, severity, what })),
  };
}

/** Images that need an image, by their names. */
function neededBy(name: string, images: readonly SurveyedImage[]): string[] {
  return images.filter(({ says }) => says?.chain.includes(name) === true).map((image) => image.name);
}

async function checkOne(
  image: SurveyedImage,
  images: readonly SurveyedImage[],
  checking: Checking,
): Promise<Check> {
  const hurts = neededBy(image.name, images);
  try {
    const found = await lookInto(image, checking);
    return {
      image,
      ...found,
      problems: [...ownProblems(image, found.troubles, hurts), ...found.problems],
    };
  } catch (thrown) {
    // What is wrong with one image must not keep the others from being looked at.
    checking.reading.signal.throwIfAborted();
    return { image, depth: 'listed', objects: 0, troubles: [], problems: [iceProblem(thrown)] };
  }
}

/** The key, where one is at hand that opens any of the images. */
async function keyFor(
  images: readonly SurveyedImage[],
  options: IceVerifyOptions,
): Promise<HeldKey | undefined> {
  if (options.key === undefined && gpgUnusable() !== undefined) return undefined;
  const key = await holdKey(options);
  if (images.some(({ says }) => says !== undefined && key.opens(says.recipients))) return key;
  key.putAway();
  return undefined;
}

/** The images that are meant: one by its name, or all. */
function chosenOf(
  images: readonly SurveyedImage[],
  wanted: string | undefined,
  store: string,
): readonly SurveyedImage[] {
  const chosen = wanted === undefined ? images : images.filter(({ name }) => name === wanted);
  if (chosen.length > 0) return chosen;
  refuse(
    'ice-none',
    {},
    `${store} holds no image${wanted === undefined ? '' : ` ${printable(wanted)}`}`,
    'there is nothing to verify',
    'see brinicle ice list, and whether the prefix is right',
  );
}

/** Checks images one after the other, and tells each when it is through. */
async function checkAll(
  chosen: readonly SurveyedImage[],
  images: readonly SurveyedImage[],
  checking: Checking,
  tell: (check: Check) => void,
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const image of chosen) {
    const check = await checkOne(image, images, checking);
    problems.push(...check.problems);
    tell(check);
  }
  return problems;
}

/** The same, decrypting what a key at hand opens. */
async function checkDeeply(
  chosen: readonly SurveyedImage[],
  images: readonly SurveyedImage[],
  checking: Checking,
  options: IceVerifyOptions,
  tell: (check: Check) => void,
): Promise<readonly Problem[]> {
  const key = options.decrypt ? await keyFor(chosen, options) : undefined;
  if (key === undefined) return checkAll(chosen, images, checking, tell);
  try {
    needUnsquashfs();
    return await withWork(resolve(options.work), async (work) => {
      try {
        return await checkAll(chosen, images, { ...checking, opening: { key, work } }, tell);
      } finally {
        work.clear();
      }
    });
  } finally {
    key.putAway();
  }
}

/** `ice verify [IMAGE]`: images against their indexes, as the store lists them, or by reading every byte. */
export async function iceVerifyCommand(
  wanted: string | undefined,
  options: IceVerifyOptions,
  context: IceContext,
): Promise<ExitCode> {
  return onIce(context, async (signal) => {
    const download = options.download === true;
    if (!download && options.key !== undefined) throw new WrongUsage('--key opens what --download reads');
    const reading = await openStore(options, context, signal);
    const survey = await surveyIce(reading);
    if (survey === 'too-many') refuseTooMany();
    const { images } = survey;
    const chosen = chosenOf(images, wanted, reading.reader.name);
    const list = options.json === true ? new JsonList(context.terminal) : undefined;
    const tell = (check: Check): void => {
      if (list === undefined) context.terminal.out(checkLine(check));
      else list.add(checkJson(check));
    };
    const checking: Checking = { reading, context, download, opening: undefined };
    const problems = download
      ? await checkDeeply(chosen, images, checking, options, tell)
      : await checkAll(chosen, images, checking, tell);
    list?.end();
    printProblems(context.terminal, problems);
    return problems.some(({ severity }) => severity !== 'info') ? EXIT.problems : EXIT.fine;
  });
}
