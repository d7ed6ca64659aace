import type { ByteSink } from '../../../model/byte-sink.ts';
import { EntryFault } from '../../../model/manifest/entry.ts';
import { shownPath } from '../../../model/manifest/shown-name.ts';
import { error, type Problem, printable } from '../../../model/problem.ts';
import { byteSize, count, span } from '../../../report/figures.ts';
import type { Lost, Manner } from '../../../restore/adapt-entry.ts';
import type { CappedList } from '../../../restore/capped-list.ts';
import { type CheckedManifest, checkManifest } from '../../../restore/check-manifest.ts';
import { manifestPath, manifestPathOfShown, Selection } from '../../../restore/selection.ts';
import { type SendJob, type SendReport, sendTree } from '../../../restore/send-tree.ts';
import type { ArchiveContext } from '../../archive-context.ts';
import { ProgressBar } from '../../progress-bar.ts';
import { EXIT, type ExitCode, printProblems } from '../../terminal.ts';
import {
  type OpenedVersion,
  refuse,
  refuseManifest,
  type VersionOptions,
  withVersion,
} from './archive-options.ts';

/** Options of `restore`. */
export interface RestoreOptions extends VersionOptions {
  to?: string;
  tar?: boolean;
  overwrite?: boolean;
}

/** Options of `checkout`. */
export interface CheckoutOptions extends VersionOptions {
  overwrite?: boolean;
}

/** Paths that are named at the end, at most. */
const MOST_SHOWN = 1000;

const LOST: Record<Lost, { what: string; why: string }> = {
  socket: { what: 'sockets', why: 'the program that listens on a socket makes it anew' },
  device: { what: 'device nodes', why: 'only root may make them' },
  fifo: { what: 'fifos', why: 'a search through the tree would wait on them for ever' },
  attribute: { what: 'extended attributes', why: 'only root may set them, or tar cannot carry them' },
  'special-bits': {
    what: 'setuid and setgid bits',
    why: 'they would lend your rights instead of their owner’s',
  },
};

interface Prepared {
  job: SendJob;
  checked: CheckedManifest;
  problems: Problem[];
}

/** Sends with a line of progress where somebody looks. */
async function sendShown(
  { job, checked }: Prepared,
  sink: ByteSink,
  context: ArchiveContext,
): Promise<SendReport> {
  if (!context.errIsTerminal) return sendTree(job, sink);
  const bar = new ProgressBar(context.terminal.err, () => context.now().at);
  const progress = ({ bytes, entries }: SendReport): void =>
    bar.show(bytes, checked.bytes, bytes, `${count(entries)} of ${count(checked.entries)} entries`);
  try {
    return await sendTree({ ...job, progress }, sink);
  } finally {
    bar.end();
  }
}

/** The paths of the command line; one that is shown as `\377` may be meant as it is, or by its bytes. */
function selectionOf(paths: readonly string[]): Selection {
  return new Selection(
    paths.flatMap((path) => [...new Set([manifestPath(path), manifestPathOfShown(path)])]),
  );
}

function checkPaths(
  paths: readonly string[],
  { found }: CheckedManifest,
  host: string,
  version: string,
): void {
  const missing = paths.filter(
    (path) => !found.has(manifestPath(path)) && !found.has(manifestPathOfShown(path)),
  );
  const [first] = missing;
  if (first === undefined) return;
  refuse(
    'path-unknown',
    { host },
    `${version} does not hold ${missing.map((path) => printable(path)).join(', ')}`,
    'a restore that leaves out what was asked for would look like a whole one',
    `look for it: brinicle find ${host} --all ${printable(first.slice(first.lastIndexOf('/') + 1))}`,
  );
}

/** Checks the whole manifest before anything of it is used. */
function prepare(
  opened: OpenedVersion,
  paths: readonly string[],
  manner: Manner,
  into: SendJob['into'],
): Prepared {
  const { reader, account, version, shown } = opened;
  const selection = selectionOf(paths);
  let checked: CheckedManifest;
  try {
    checked = checkManifest(() => reader.openManifest(account, version.name), selection);
  } catch (thrown) {
    if (thrown instanceof EntryFault) refuseManifest(shown, version.name, thrown.message);
    throw thrown;
  }
  checkPaths(paths, checked, shown, version.name);
  const problems: Problem[] = [];
  if (version.fault !== undefined)
    problems.push({
      rule: 'version-record',
      severity: 'warning',
      host: shown,
      what: `${version.name}: ${version.fault}`,
      why: 'without it nobody can say whether the manifest is the one that was committed',
      fix: 'compare with another version: brinicle diff',
    });
  if (version.record !== undefined && version.record.manifest.sha256 !== checked.sha256)
    problems.push(
      error(
        'manifest-altered',
        { host: shown },
        `the manifest of ${version.name} is not the one that its record was made with`,
        'lines of it may be missing or changed; what it names was restored all the same',
        'compare with another version (brinicle diff), or take the same one from the ice',
      ),
    );
  return {
    checked,
    problems,
    job: {
      archive: reader,
      account,
      version: version.name,
      selection,
      linkTargets: checked.linkTargets,
      manner,
      into,
      progress: () => {},
    },
  };
}

function names(list: CappedList<string>, show: (item: string) => string): string {
  const shown = list.first.slice(0, MOST_SHOWN).map((item) => `  ${show(item)}\n`);
  const rest = list.count - shown.length;
  return shown.join('') + (rest > 0 ? `  and ${count(rest)} more\n` : '');
}

/** Attributes that are lost though root restores them are too large for tar, or damaged. */
const isWorse = (kind: Lost, manner: Manner): boolean => kind === 'attribute' && manner === 'exact';

const OWNERS_LOST: Omit<Problem, 'host'> = {
  rule: 'restore-less',
  severity: 'info',
  what: 'everything belongs to you',
  why: 'only root may give files to others',
  fix: 'where owners matter, restore as root',
};

function lostProblems({ lost }: SendReport, host: string, manner: Manner): Problem[] {
  const owners = manner === 'plain-user' ? [{ ...OWNERS_LOST, host }] : [];
  const others = (Object.keys(LOST) as Lost[])
    .filter((kind) => lost[kind].count > 0)
    .map((kind): Problem => {
      const first = lost[kind].first.slice(0, 3).map(shownPath).join(', ');
      const more = lost[kind].count > 3 ? ' …' : '';
      return {
        rule: 'restore-less',
        severity: isWorse(kind, manner) ? 'warning' : 'info',
        host,
        what: `${count(lost[kind].count)} paths without their ${LOST[kind].what}: ${first}${more}`,
        why: LOST[kind].why,
        fix: kind === 'socket' || kind === 'fifo' ? 'nothing' : 'where it matters, restore as root',
      };
    });
  return [...owners, ...others];
}

/** What a person must know of what was sent. */
function reportProblems(
  report: SendReport,
  host: string,
  manner: Manner,
  context: ArchiveContext,
): Problem[] {
  const { terminal } = context;
  const problems = lostProblems(report, host, manner);
  if (report.sealed.count > 0) {
    terminal.err(`sealed, and restored as they are:\n${names(report.sealed, shownPath)}`);
    problems.push({
      rule: 'restore-sealed',
      severity: 'info',
      host,
      what: `${count(report.sealed.count)} files are sealed`,
      why: 'their host encrypted them, so that the backup server cannot read them',
      fix: 'where the private key is: gpg --output PLAIN --decrypt SEALED, then put PLAIN in place of SEALED with its owner and mode',
    });
  }
  if (report.leftOut.count > 0) {
    const lines = report.leftOut.first
      .slice(0, MOST_SHOWN)
      .map(({ path, why }) => `  ${shownPath(path)}: ${why}\n`);
    const rest = report.leftOut.count - lines.length;
    terminal.err(`left out:\n${lines.join('')}${rest > 0 ? `  and ${count(rest)} more\n` : ''}`);
    problems.push(
      error(
        'object-damaged',
        { host },
        `${count(report.leftOut.count)} paths are left out, everything else was restored`,
        'no wrong byte may be given for a right one',
        'take them from another version (brinicle find --all) or from the ice',
      ),
    );
  }
  return problems;
}

function summary(
  report: SendReport,
  seconds: number,
  where: string,
  { shown, version }: OpenedVersion,
): string {
  const others = report.entries - report.files;
  return `restored ${count(report.files)} files and ${count(others)} other entries, ${byteSize(report.bytes)}, of ${shown} ${version.name} ${where} in ${span(seconds)}\n`;
}

function end(problems: readonly Problem[], context: ArchiveContext): ExitCode {
  printProblems(context.terminal, problems);
  return problems.some(({ severity }) => severity === 'error') ? EXIT.problems : EXIT.fine;
}

async function toTar(
  opened: OpenedVersion,
  paths: readonly string[],
  context: ArchiveContext,
): Promise<ExitCode> {
  if (context.outIsTerminal)
    refuse(
      'terminal-binary',
      { host: opened.shown },
      'standard output is a terminal',
      'a tar archive is no text',
      'send it on: … --tar | ssh HOST "cd / && bsdtar -xpSf - --numeric-owner", or > FILE',
    );
  const began = context.now().at;
  const prepared = prepare(opened, paths, 'exact', 'any-folder');
  const { problems } = prepared;
  const report = await sendShown(prepared, context.out(), context);
  problems.push(...reportProblems(report, opened.shown, 'exact', context));
  context.terminal.err(summary(report, context.now().at - began, 'as tar', opened));
  return end(problems, context);
}

function extractorProblem(said: readonly string[], host: string): Problem {
  return error(
    'restore-extractor',
    { host },
    `bsdtar could not restore everything: ${said.length === 0 ? 'it gave no reason' : said.join('; ')}`,
    'what it names is missing or not as it was',
    'make room, or restore into a file system that can hold it',
  );
}

async function toFolder(
  opened: OpenedVersion,
  paths: readonly string[],
  folder: string,
  manner: Manner,
  overwrite: boolean,
  context: ArchiveContext,
): Promise<ExitCode> {
  const { extractor, terminal } = context;
  const unusable = extractor.unusable();
  if (unusable !== undefined)
    refuse(
      'restore-extractor',
      { host: opened.shown },
      `bsdtar cannot be run: ${printable(unusable)}`,
      'it sets what Node.js cannot: times to the nanosecond, attributes, holes',
      'install it (Debian, Ubuntu: libarchive-tools; RHEL: bsdtar), or use --tar and unpack elsewhere',
    );
  const began = context.now().at;
  const prepared = prepare(opened, paths, manner, overwrite ? 'any-folder' : 'empty-folder');
  const { problems } = prepared;
  const target = extractor.prepare(folder, overwrite);
  if (target !== undefined)
    refuse(
      'restore-target',
      { at: { file: folder } },
      printable(target),
      'what is restored must not mix with what is there',
      'name a folder that is empty or not there yet, or say --overwrite to replace files in it',
    );
  const extraction = extractor.start(folder, {
    owners: manner === 'exact',
    attributes: manner !== 'look',
    overwrite,
  });
  let report: SendReport;
  try {
    report = await sendShown(prepared, extraction.sink, context);
  } catch (thrown) {
    // When bsdtar went away, what it said is the reason.
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'EPIPE')
      return end([...problems, extractorProblem((await extraction.finish()).said, opened.shown)], context);
    await extraction.abort();
    throw thrown;
  }
  const extracted = await extraction.finish();
  problems.push(...reportProblems(report, opened.shown, manner, context));
  if (!extracted.ok) problems.push(extractorProblem(extracted.said, opened.shown));
  terminal.err(summary(report, context.now().at - began, `to ${printable(folder, 4096)}`, opened));
  return end(problems, context);
}

/** `restore HOST [PATH…]`: into a folder, or as a tar archive on standard output. */
export async function restoreCommand(
  host: string,
  paths: readonly string[],
  options: RestoreOptions,
  context: ArchiveContext,
): Promise<ExitCode> {
  if ((options.to === undefined) === (options.tar !== true)) {
    context.terminal.err('error: say either --to DIR or --tar\n');
    return EXIT.usage;
  }
  return withVersion(options, host, context, (opened) => {
    if (options.to === undefined) return toTar(opened, paths, context);
    const manner = context.isRoot ? 'exact' : 'plain-user';
    return toFolder(opened, paths, options.to, manner, options.overwrite === true, context);
  });
}

/** `checkout HOST DIR`: a plain tree of the caller's to look around in. */
export async function checkoutCommand(
  host: string,
  folder: string,
  options: CheckoutOptions,
  context: ArchiveContext,
): Promise<ExitCode> {
  return withVersion(options, host, context, (opened) =>
    toFolder(opened, [], folder, 'look', options.overwrite === true, context),
  );
}
