import type { DrillFolder } from '../../../io/drill-folder.ts';
import { faultPoint } from '../../../io/fault-point.ts';
import {
  ArchiveFault,
  type ArchiveReader,
  type StoredVersion,
} from '../../../model/archive/archive-reader.ts';
import { type ByteText, EntryFault, type FileEntry } from '../../../model/manifest/entry.ts';
import { entriesOf } from '../../../model/manifest/merge.ts';
import { Records } from '../../../model/manifest/records.ts';
import { shownPath } from '../../../model/manifest/shown-name.ts';
import { count } from '../../../report/figures.ts';
import { checkManifest } from '../../../restore/check-manifest.ts';
import { ObjectChanged } from '../../../restore/checked-object.ts';
import { type DrawLimits, drawFiles } from '../../../restore/drill/draw-files.ts';
import { judgeFile } from '../../../restore/drill/judge-file.ts';
import { type PickedVersion, pickVersions } from '../../../restore/drill/pick-versions.ts';
import type { SeededRandom } from '../../../restore/drill/seeded-random.ts';
import { Selection } from '../../../restore/selection.ts';
import { sendTree } from '../../../restore/send-tree.ts';
import type { ArchiveContext } from '../../archive-context.ts';
import { ProgressBar } from '../../progress-bar.ts';

/** Versions that one drill looks at, at most. */
const MOST_VERSIONS = 10;

/** What is drilled, and how much of it. */
export interface DrillJob {
  reader: ArchiveReader;
  accounts: readonly string[];
  /** Minion ID of an account where it is known; printable. */
  shown: (account: string) => string;
  limits: DrawLimits;
  random: SeededRandom;
  folder: DrillFolder;
  signal: AbortSignal;
}

/** What did not come back as it was: a file, or a version as a whole. */
export interface DrillFailure {
  host: string;
  /** Nothing where not even its versions could be read. */
  version: string | undefined;
  /** Shown. */
  path: string | undefined;
  what: string;
}

/** What a drill came to. */
export interface Drilled {
  hosts: number;
  versions: number;
  /** Files that came back as they were, and their bytes. */
  files: number;
  bytes: number;
  failures: DrillFailure[];
}

const point = faultPoint();

function drawOf(
  { reader, random }: DrillJob,
  { account, version }: PickedVersion,
  limits: DrawLimits,
): FileEntry[] {
  const manifest = reader.openManifest(account, version.name);
  try {
    return drawFiles(entriesOf(new Records(manifest.next)), limits, random);
  } finally {
    manifest.close();
  }
}

/** Restores drawn files as `restore` does, and tells what was left out and what bsdtar could not do. */
async function restoreDrawn(
  { reader, folder, signal }: DrillJob,
  { account, version }: PickedVersion,
  drawn: readonly FileEntry[],
  { extractor }: ArchiveContext,
): Promise<{ leftOut: ReadonlyMap<ByteText, string>; faults: string[] }> {
  const selection = new Selection(drawn.map(({ path }) => path));
  const checked = checkManifest(() => reader.openManifest(account, version.name), selection);
  const isAltered = version.record !== undefined && version.record.manifest.sha256 !== checked.sha256;
  const faults = isAltered ? ['its manifest is not the one that was committed'] : [];
  folder.clear();
  const target = extractor.prepare(folder.tree, false);
  if (target !== undefined) return { leftOut: new Map(), faults: [...faults, target] };
  const extraction = extractor.start(folder.tree, { owners: false, attributes: true, overwrite: false });
  const leftOut = new Map<ByteText, string>();
  try {
    const report = await sendTree(
      {
        archive: reader,
        account,
        version: version.name,
        selection,
        linkTargets: checked.linkTargets,
        manner: 'plain-user',
        into: 'empty-folder',
        progress: () => signal.throwIfAborted(),
      },
      extraction.sink,
    );
    for (const { path, why } of report.leftOut.first) leftOut.set(path, why);
  } catch (thrown) {
    // When bsdtar went away, what it said is the reason.
    if (!(thrown instanceof Error && 'code' in thrown && thrown.code === 'EPIPE')) {
      await extraction.abort();
      throw thrown;
    }
  }
  const { ok, said } = await extraction.finish();
  if (!ok)
    faults.push(
      `bsdtar could not restore everything: ${said.length === 0 ? 'it gave no reason' : said.join('; ')}`,
    );
  return { leftOut, faults };
}

/** Why a version cannot be restored at all; what is no such fault is thrown on. */
function versionFault(thrown: unknown): string {
  if (thrown instanceof EntryFault) return `its manifest is refused: ${thrown.message}`;
  if (thrown instanceof ArchiveFault || thrown instanceof ObjectChanged) return thrown.message;
  throw thrown;
}

/** Drills one version; failures and figures go into the result. */
async function drillVersion(
  job: DrillJob,
  picked: PickedVersion,
  limits: DrawLimits,
  drilled: Drilled,
  context: ArchiveContext,
): Promise<number> {
  const { folder } = job;
  const fail = (what: string, path?: ByteText): void => {
    drilled.failures.push({
      host: job.shown(picked.account),
      version: picked.version.name,
      path: path === undefined ? undefined : shownPath(path),
      what,
    });
  };
  let drawn: FileEntry[] = [];
  try {
    drawn = drawOf(job, picked, limits);
    if (drawn.length === 0) return 0;
    const { leftOut, faults } = await restoreDrawn(job, picked, drawn, context);
    for (const fault of faults) fail(fault);
    point('restored');
    for (const file of drawn) {
      const why = leftOut.get(file.path);
      const differences = why === undefined ? judgeFile(file, folder.look(file.path)) : [why];
      if (differences.length > 0) fail(differences.join('; '), file.path);
      else {
        drilled.files++;
        drilled.bytes += file.size;
      }
    }
    point('compared');
  } catch (thrown) {
    fail(versionFault(thrown));
  }
  return drawn.reduce((sum, { size }) => sum + size, 0);
}

/**
 * Restores files that are drawn by chance from versions that are, as `brinicle restore` would, and compares each with
 * what its manifest says of it. What is restored is removed, however this ends.
 */
export async function drillArchive(job: DrillJob, context: ArchiveContext): Promise<Drilled> {
  const { reader, folder, random, limits } = job;
  const drilled: Drilled = { hosts: 0, versions: 0, files: 0, bytes: 0, failures: [] };
  const versionsOf = (account: string): StoredVersion[] => {
    try {
      return reader.versions(account);
    } catch (thrown) {
      drilled.failures.push({
        host: job.shown(account),
        version: undefined,
        path: undefined,
        what: versionFault(thrown),
      });
      return [];
    }
  };
  const picked = pickVersions(job.accounts, Math.min(MOST_VERSIONS, limits.files), versionsOf, random);
  const bar = context.errIsTerminal
    ? new ProgressBar(context.terminal.err, () => context.now().at)
    : undefined;
  let left = { ...limits };
  try {
    for (const [index, one] of picked.entries()) {
      job.signal.throwIfAborted();
      const more = picked.length - index;
      const share = { files: Math.ceil(left.files / more), bytes: Math.ceil(left.bytes / more) };
      bar?.show(
        index,
        picked.length,
        drilled.bytes,
        `version ${count(index + 1)} of ${count(picked.length)}`,
      );
      const hold = context.hold(reader.folder, one.account, () => undefined);
      try {
        const before = drilled.files + drilled.failures.length;
        const bytes = await drillVersion(job, one, share, drilled, context);
        left = {
          files: left.files - (drilled.files + drilled.failures.length - before),
          bytes: left.bytes - bytes,
        };
      } finally {
        hold.release();
      }
    }
  } finally {
    bar?.end();
    folder.clear();
  }
  drilled.hosts = new Set(picked.map(({ account }) => account)).size;
  drilled.versions = picked.length;
  return drilled;
}
