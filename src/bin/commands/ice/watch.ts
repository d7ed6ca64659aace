import { openImage } from '../../../ice/open-image.ts';
import type { Reading } from '../../../ice/patient-read.ts';
import type { KnownKey } from '../../../ice/ports.ts';
import { type SurveyedImage, surveyIce } from '../../../ice/survey-ice.ts';
import { judgeDrills, lastGoodDrill } from '../../../ice/watch/judge-drills.ts';
import { judgeParts } from '../../../ice/watch/judge-parts.ts';
import { judgeRecipients, type KnownKeys, lookAtRecipients } from '../../../ice/watch/judge-recipients.ts';
import { judgeSchedule } from '../../../ice/watch/judge-schedule.ts';
import { judgeSizes } from '../../../ice/watch/judge-sizes.ts';
import { longestGap } from '../../../ice/watch/longest-gap.ts';
import { metricsText } from '../../../ice/watch/metrics-text.ts';
import { completeOf, type Expected } from '../../../ice/watch/watched.ts';
import { readConfigFile } from '../../../io/config-file.ts';
import { replaceDurably } from '../../../io/durable.ts';
import { knownKey } from '../../../io/ice/known-key.ts';
import { type DrillRecord, drillRecordSchema } from '../../../model/ice/drill-record.ts';
import { type Problem, printable } from '../../../model/problem.ts';
import { byteSize, count, span } from '../../../report/figures.ts';
import { cronTerminal } from '../../cron-terminal.ts';
import type { IceContext } from '../../ice-context.ts';
import { ProgressBar } from '../../progress-bar.ts';
import { EXIT, type ExitCode, jsonText, printProblems } from '../../terminal.ts';
import { WrongUsage } from '../../wrong-usage.ts';
import { refuse } from '../archive/archive-options.ts';
import {
  type NamedPolicy,
  onIce,
  openStore,
  policyOf,
  refuseTooMany,
  type StoreOptions,
} from './ice-options.ts';

/** Options of `ice watch`. */
export interface IceWatchOptions extends StoreOptions {
  every?: string;
  grace: string;
  retention?: string;
  recipient?: string[];
  former?: string[];
  /** False when nobody drills, said in as many words. */
  drills?: string | false;
  metrics?: string;
  cron?: boolean;
}

/** What the policy has unless it says otherwise. */
const DEFAULTS = { days: [1, 15], retention: 92 } as const;

/** Largest key file that is read. */
const MAX_KEY = 2 ** 20;

function days(option: string, written: string): number {
  const number = Number(written);
  if (/^\d{1,4}$/.test(written) && number > 0) return number;
  throw new WrongUsage(`${option} is a number of days`);
}

function expectedBy(options: IceWatchOptions, named: NamedPolicy | undefined, now: number): Expected {
  const offsite = named?.policy.offsite;
  const policy = offsite === undefined || offsite === 'none' ? undefined : offsite;
  return {
    now,
    everyDays:
      options.every === undefined
        ? longestGap(policy?.days ?? DEFAULTS.days)
        : days('--every', options.every),
    graceDays: days('--grace', options.grace),
    retentionDays:
      options.retention === undefined
        ? (policy?.retention_days ?? DEFAULTS.retention)
        : days('--retention', options.retention),
  };
}

async function keyOf(armored: string, file: string): Promise<KnownKey> {
  const key = await knownKey(armored);
  if (!('fault' in key)) return key;
  refuse(
    'recipient-unusable',
    { at: { file } },
    `it is no OpenPGP public key: ${key.fault}`,
    'parts are held against it',
    'export it: gpg --export --armor KEY > recipient.asc',
  );
}

async function keysIn(files: readonly string[], context: IceContext): Promise<KnownKey[]> {
  const keys: KnownKey[] = [];
  for (const file of files) {
    const read = context.files.readText(file, MAX_KEY);
    if (!('text' in read))
      refuse(
        'recipient-missing',
        { at: { file } },
        'fault' in read ? printable(read.fault) : 'it is not there, or too large',
        'parts are held against it',
        'export it: gpg --export --armor KEY > recipient.asc',
      );
    keys.push(await keyOf(read.text, file));
  }
  return keys;
}

async function keysBy(
  options: IceWatchOptions,
  named: NamedPolicy | undefined,
  context: IceContext,
): Promise<KnownKeys> {
  const wanted = await keysIn(options.recipient ?? [], context);
  for (const armored of named?.recipients ?? []) wanted.push(await keyOf(armored, 'brinicle.yaml'));
  if (wanted.length === 0)
    throw new WrongUsage(
      'say which key images are encrypted to: --recipient FILE, or -C FOLDER with a policy',
    );
  return { wanted, former: await keysIn(options.former ?? [], context) };
}

function drillsBy({ drills }: IceWatchOptions): DrillRecord | undefined {
  if (drills === undefined || drills === false) return undefined;
  const read = readConfigFile(drills, drillRecordSchema);
  if ('value' in read) return read.value;
  // No drill has written it so far: that is told as such.
  if (read.fault.startsWith('ENOENT')) return undefined;
  refuse(
    'ice-drill',
    { at: { file: drills } },
    `the record of drills cannot be used: ${printable(read.fault)}`,
    'nobody can say when an image was last decrypted',
    'restore the file, or remove it and run brinicle drill',
  );
}

/** Whom the newest image is encrypted to, by the first bytes of its parts. */
async function watchRecipients(
  newest: SurveyedImage,
  keys: KnownKeys,
  reading: Reading,
  context: IceContext,
): Promise<Problem[]> {
  const image = await openImage(reading, newest.name);
  if (image === undefined) return [];
  const { parts } = image.placement;
  const bar = context.errIsTerminal
    ? new ProgressBar(context.terminal.err, () => context.now().at)
    : undefined;
  try {
    const looked = await lookAtRecipients(reading, parts, (done) =>
      bar?.show(done, parts.length, 0, `part ${count(done)} of ${count(parts.length)}`),
    );
    const problems = judgeRecipients(newest.name, looked, keys);
    if (looked.frozen > 0)
      problems.push({
        rule: 'ice-thaw',
        severity: 'info',
        what: `${newest.name}: ${count(looked.frozen)} parts would have to thaw before anyone sees whom they are encrypted to`,
        why: 'the store keeps this class where it cannot be read at once',
        fix: 'a drill finds out (brinicle drill); or let the policy have a class that can be read at once',
      });
    return problems;
  } finally {
    bar?.end();
  }
}

function writeMetrics(path: string, text: string): void {
  // Prometheus' exporter runs as a user of its own, and reads it at any time: so it is replaced as a whole.
  const before = process.umask(0o022);
  try {
    replaceDurably(path, text, 0o644);
  } finally {
    process.umask(before);
  }
}

function newestLine(newest: SurveyedImage | undefined, now: number): string {
  if (newest?.says === undefined) return 'no image can be restored\n';
  const { partBytes, parts, holds } = newest.says;
  return `newest image ${newest.name}, ${span(now - newest.storedAt)} old: ${byteSize(partBytes)} in ${count(parts)} parts, ${count(holds.hosts)} hosts, ${count(holds.versions)} versions\n`;
}

async function watch(options: IceWatchOptions, context: IceContext, signal: AbortSignal): Promise<ExitCode> {
  const { terminal } = context;
  const now = context.now().at;
  const named = await policyOf(options, context);
  const expected = expectedBy(options, named, now);
  const keys = await keysBy(options, named, context);
  const drills = drillsBy(options);
  const reading = await openStore(options, context, signal, named);
  const survey = await surveyIce(reading);
  if (survey === 'too-many') refuseTooMany();
  const { images } = survey;
  const [newest] = completeOf(images);
  const problems = [
    ...judgeSchedule(images, expected),
    ...judgeParts(images, expected),
    ...judgeSizes(images),
    ...(newest === undefined ? [] : await watchRecipients(newest, keys, reading, context)),
    ...(options.drills === false ? [] : judgeDrills(drills, expected)),
  ];
  const lastDrill = drills === undefined ? undefined : lastGoodDrill(drills, now);
  if (options.metrics !== undefined)
    writeMetrics(options.metrics, metricsText({ now, images, lastDrill, problems }));
  const isFine = problems.every(({ severity }) => severity === 'info');
  if (options.json === true)
    terminal.out(
      jsonText({
        ok: isFine,
        newest: newest?.name ?? null,
        newest_stored_at: newest?.storedAt ?? null,
        images: images.length,
        complete: completeOf(images).length,
        last_drill: lastDrill ?? null,
        problems,
      }),
    );
  else {
    terminal.out(newestLine(newest, now));
    printProblems(
      terminal,
      options.cron === true ? problems.filter(({ severity }) => severity !== 'info') : problems,
    );
  }
  return isFine ? EXIT.fine : EXIT.problems;
}

/** `ice watch`: whether the ice is as it is to be, by a credential that may only list and read. */
export async function iceWatchCommand(options: IceWatchOptions, given: IceContext): Promise<ExitCode> {
  const context =
    options.cron === true
      ? { ...given, terminal: cronTerminal(given, 'brinicle-ice-watch'), errIsTerminal: false }
      : given;
  return onIce(context, (signal) => watch(options, context, signal));
}
