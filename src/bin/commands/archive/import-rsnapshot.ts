import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { faultText } from '../../../io/errno.ts';
import { foreignTree } from '../../../io/foreign-tree.ts';
import { DiskHostArchive } from '../../../io/host-archive.ts';
import { type IntervalFolder, rsnapshotIntervals } from '../../../io/rsnapshot-root.ts';
import { readServerConfig } from '../../../io/server-config.ts';
import type { VersionRecord } from '../../../model/archive/version.ts';
import type { Problem } from '../../../model/problem.ts';
import { printable } from '../../../model/problem.ts';
import { type ArchiveLimits, limitsOf } from '../../../model/rotate-config.ts';
import { byteSize, count, span, table } from '../../../report/figures.ts';
import { type ImportedTree, importTree } from '../../../rotate/import-tree.ts';
import { type ImportStep, importRefused, planImport } from '../../../rotate/plan-import.ts';
import { ForeignFault } from '../../../rotate/ports.ts';
import { PushRefused } from '../../../rotate/push-fault.ts';
import type { ArchiveContext } from '../../archive-context.ts';
import { ProgressBar } from '../../progress-bar.ts';
import { EXIT, type ExitCode, printProblems } from '../../terminal.ts';
import { findHost, type OpenedArchive, type OpenedHost, openArchive, Refused } from './archive-options.ts';
import { type CareOptions, caring, clockOf, lockHost } from './care-options.ts';

/** Options of `import-rsnapshot`. */
export interface ImportOptions extends CareOptions {
  point?: string;
  dryRun?: boolean;
}

/** Warnings that are shown of a version, at most; its record has more. */
const MOST_WARNINGS = 5;

/** What an archive without a configuration may hold. */
const NO_LIMITS: ArchiveLimits = {
  bytes: Number.MAX_SAFE_INTEGER,
  objects: Number.MAX_SAFE_INTEGER,
  entries: Number.MAX_SAFE_INTEGER,
};

/** A host of the archive or, before its first push, of the table. */
function knownHost(archive: OpenedArchive, name: string): OpenedHost {
  const { reader, hosts } = archive;
  const row = hosts.find(({ minion, account }) => minion === name || account === name);
  if (row === undefined || reader.accounts().includes(row.account)) return findHost(archive, name);
  return { reader, account: row.account, shown: printable(row.minion) };
}

/** The same, with its folder in the archive, which is made otherwise when its first push is taken in. */
function importHost(archive: OpenedArchive, name: string): OpenedHost {
  const host = knownHost(archive, name);
  mkdirSync(join(host.reader.folder, host.account), { mode: 0o700, recursive: true });
  return host;
}

function limitsFor(
  { account }: OpenedHost,
  { hosts }: OpenedArchive,
  context: ArchiveContext,
): ArchiveLimits {
  const read = readServerConfig(context.config);
  return 'fault' in read
    ? NO_LIMITS
    : limitsOf(
        read.config,
        hosts.find((row) => row.account === account),
      );
}

function refuseImport(...problem: Parameters<typeof importRefused>): never {
  throw new Refused(importRefused(...problem));
}

function intervalsOf(root: string, point: string | undefined, host: string): IntervalFolder[] {
  try {
    return rsnapshotIntervals(root, point);
  } catch (thrown) {
    refuseImport(
      host,
      `${printable(root, 4096)}: ${printable(faultText(thrown))}`,
      'it holds what is imported',
      "name rsnapshot's snapshot_root, as root",
    );
  }
}

/** `localhost/` is meant as `localhost`. */
function pointOf(written: string | undefined, host: string): string | undefined {
  const point = written?.replace(/\/+$/, '');
  if (point === undefined || point.split('/').every((part) => !['', '.', '..'].includes(part))) return point;
  refuseImport(
    host,
    `${printable(written ?? '')} is no folder below an interval`,
    'a version is the tree of one host',
    'write it as rsnapshot.conf has it, as localhost',
  );
}

const planTable = (steps: readonly ImportStep[]): string =>
  table(
    [
      ['INTERVAL', 'VERSION', '', 'WHY'],
      ...steps.map(({ interval, version, does, why }) => [printable(interval), version, does, why]),
    ],
    [],
  );

/** What a person must know of a version that was made. */
function warningProblem(host: string, { interval, version }: ImportStep, record: VersionRecord): Problem[] {
  const { count: warnings, first } = record.warnings;
  if (warnings === 0) return [];
  return [
    {
      ...importRefused(
        host,
        `${version} (${interval}) lacks something: ${first
          .slice(0, MOST_WARNINGS)
          .map((one) => printable(one, 600))
          .join('; ')}${warnings > MOST_WARNINGS ? `; and ${count(warnings - MOST_WARNINGS)} more` : ''}`,
        'the version holds everything else',
        'look at the disk that the rsnapshot root lies on, as long as it is there',
      ),
      severity: 'warning',
    },
  ];
}

/** Runs the import of one interval, and tells what ended it as a problem. */
async function refusing<Result>(host: string, step: ImportStep, run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (thrown) {
    if (thrown instanceof ForeignFault)
      refuseImport(
        host,
        `${step.interval} cannot be read: ${printable(thrown.message)}`,
        'a version that lacks what cannot be read would look like a whole one; this interval and later ones are not imported',
        thrown.forbidden ? 'run this as root' : 'look at the disk',
      );
    if (thrown instanceof PushRefused)
      refuseImport(
        host,
        `${step.interval} (${step.version}): ${printable(thrown.message)}`,
        'this interval and later ones are not imported',
        'if it is meant: raise archive_limits in the policy, apply the states to the backup server, and run this again; it goes on where it ended',
      );
    throw thrown;
  }
}

/** Goes through a plan, oldest first. */
class ImportRun {
  readonly #host: OpenedHost;
  readonly #root: string;
  readonly #context: ArchiveContext;
  readonly #archive: DiskHostArchive;
  readonly #limits: ArchiveLimits;
  readonly problems: Problem[] = [];

  constructor(host: OpenedHost, root: string, limits: ArchiveLimits, context: ArchiveContext) {
    this.#host = host;
    this.#root = root;
    this.#limits = limits;
    this.#context = context;
    this.#archive = new DiskHostArchive(host.reader.folder, host.account);
  }

  async run(steps: readonly ImportStep[]): Promise<void> {
    const imported = this.#archive.versions().filter(({ record }) => record?.from === 'rsnapshot');
    const last = imported.at(-1);
    // Which inodes an earlier run found is not known any more: files are read once more then.
    let before: ImportedTree | undefined = last && { version: last, inodes: undefined };
    for (const step of steps) {
      if (step.does === 'skip') continue;
      before = await refusing(this.#host.shown, step, () => this.#importOne(step, before));
    }
  }

  async #importOne(step: ImportStep, before: ImportedTree | undefined): Promise<ImportedTree> {
    const { terminal, errIsTerminal, now } = this.#context;
    const { shown } = this.#host;
    const began = now().at;
    const bar = errIsTerminal ? new ProgressBar(terminal.err, () => now().at) : undefined;
    try {
      const { tree, record } = await importTree(
        this.#archive,
        this.#archive.incoming(randomBytes(16).toString('hex')),
        foreignTree(join(this.#root, step.interval, step.point)),
        before,
        {
          at: step.at,
          limits: this.#limits,
          progress: (entries, bytes) => bar?.show(0, 0, bytes, `${step.interval}: ${count(entries)} entries`),
        },
      );
      bar?.end();
      terminal.out(
        `${shown}: ${step.interval} is version ${step.version}: ${count(record.entries)} entries, ${byteSize(record.stored.bytes)} new, in ${span(now().at - began)}\n`,
      );
      this.problems.push(...warningProblem(shown, step, record));
      return tree;
    } finally {
      bar?.end();
    }
  }
}

/** What is to become of each interval, printed. */
function plannedSteps(
  host: OpenedHost,
  root: string,
  options: ImportOptions,
  context: ArchiveContext,
): readonly ImportStep[] {
  const { reader, account, shown } = host;
  const point = pointOf(options.point, shown);
  const intervals = intervalsOf(root, point, shown);
  const isThere = lstatSync(join(reader.folder, account), { throwIfNoEntry: false }) !== undefined;
  const versions = isThere ? new DiskHostArchive(reader.folder, account, 'look').versions() : [];
  const plan = planImport(intervals, point, versions, clockOf(options, context).now, shown);
  if ('problem' in plan) throw new Refused(plan.problem);
  context.terminal.out(planTable(plan.steps));
  return plan.steps;
}

async function carryOut(
  opened: OpenedArchive,
  name: string,
  root: string,
  options: ImportOptions,
  context: ArchiveContext,
): Promise<ExitCode> {
  const ran = context.runAsOwner(opened.reader.folder);
  if (ran !== undefined) return Object.values(EXIT).find((code) => code === ran) ?? EXIT.problems;
  const host = importHost(opened, name);
  const lock = lockHost(host);
  const run = new ImportRun(host, root, limitsFor(host, opened, context), context);
  try {
    const steps = plannedSteps(host, root, options, context);
    new DiskHostArchive(host.reader.folder, host.account).forgetIce();
    await run.run(steps);
    return EXIT.fine;
  } finally {
    lock.release();
    printProblems(context.terminal, run.problems);
  }
}

/** `import-rsnapshot HOST ROOT`: what rsnapshot kept of a host becomes its first versions. */
export async function importRsnapshotCommand(
  name: string,
  root: string,
  options: ImportOptions,
  context: ArchiveContext,
): Promise<ExitCode> {
  return caring(context, async () => {
    // The walk stands in the folders that it reads, so no path may be relative.
    const { archive } = options;
    const opened = openArchive(
      archive === undefined ? options : { ...options, archive: resolve(archive) },
      context,
    );
    if (options.dryRun !== true) return carryOut(opened, name, resolve(root), options, context);
    plannedSteps(knownHost(opened, name), resolve(root), options, context);
    return EXIT.fine;
  });
}
