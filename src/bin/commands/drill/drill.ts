import { join } from 'node:path';
import { printable } from '../../../model/problem.ts';
import { SeededRandom } from '../../../restore/drill/seeded-random.ts';
import type { ArchiveContext } from '../../archive-context.ts';
import { cronTerminal } from '../../cron-terminal.ts';
import { Interrupted, interruptible } from '../../interruptible.ts';
import { EXIT, type ExitCode } from '../../terminal.ts';
import { WrongUsage } from '../../wrong-usage.ts';
import { openArchive, refuse } from '../archive/archive-options.ts';
import { caring } from '../archive/care-options.ts';
import { drillArchive } from './drill-archive.ts';
import {
  type DrillOptions,
  drawOptions,
  drillsAt,
  type HeldFolder,
  needExtractor,
  noteDrill,
  roomFor,
  takeFolder,
} from './drill-options.ts';
import { drillOf, tellDrill } from './drill-report.ts';

/** The folder in the archive where drills restore to, and are written down: no account has such a name. */
const OWN_FOLDER = '.drill';

/** What a folder that the caller names gets for the drill. */
const WORK_FOLDER = 'brinicle-drill';

async function drillIn(
  { folder }: HeldFolder,
  record: string,
  archive: ReturnType<typeof openArchive>,
  draw: ReturnType<typeof drawOptions>,
  options: DrillOptions,
  context: ArchiveContext,
  signal: AbortSignal,
): Promise<ExitCode> {
  const { reader, hosts } = archive;
  const minions = new Map(hosts.map(({ account, minion }) => [account, minion]));
  const accounts = reader.accounts();
  const before = drillsAt(record);
  const drilled = await drillArchive(
    {
      reader,
      accounts,
      shown: (account) => printable(minions.get(account) ?? account),
      limits: { files: draw.files, bytes: roomFor(draw.bytes, folder) },
      random: new SeededRandom(draw.seed),
      folder,
      signal,
    },
    context,
  );
  if (drilled.versions === 0 && drilled.failures.length === 0) {
    context.terminal.out('no host has a version yet, so there is nothing to restore\n');
    return EXIT.fine;
  }
  const drill = drillOf(drilled, context.now().at, draw.seed, { kind: 'archive' });
  noteDrill(record, before, drill);
  const fix = (host: string): string =>
    `brinicle verify ${host} names all that is damaged, and has the host send it again where that heals; what only older versions need is on the ice`;
  return tellDrill(drilled, drill, { from: 'the archive', fix }, options.json === true, context.terminal);
}

async function drill(options: DrillOptions, context: ArchiveContext, signal: AbortSignal): Promise<ExitCode> {
  const draw = drawOptions(options);
  needExtractor(context);
  const archive = openArchive(options, context);
  const own = join(archive.reader.folder, OWN_FOLDER);
  context.stepBack({ ownSession: options.cron === true });
  // Root's rights are for no content of hosts.
  context.becomeOwner(archive.reader.folder);
  const held = takeFolder(options.work === undefined ? own : join(options.work, WORK_FOLDER));
  if (held === undefined) {
    if (options.cron === true) {
      context.terminal.out('another drill is under way\n');
      return EXIT.fine;
    }
    refuse(
      'drill-running',
      {},
      'another drill is under way',
      'two at once would undo what each other restores',
      'wait for it, or name another place by --work DIR',
    );
  }
  try {
    const record = options.drills ?? join(own, 'drills.json');
    return await drillIn(held, record, archive, draw, options, context, signal);
  } finally {
    held.lock.release();
  }
}

/** `drill`: restores some files of the archive, drawn by chance, and compares them. */
export async function drillCommand(options: DrillOptions, given: ArchiveContext): Promise<ExitCode> {
  const context =
    options.cron === true
      ? { ...given, terminal: cronTerminal(given, 'brinicle-drill'), errIsTerminal: false }
      : given;
  try {
    return await interruptible((signal) => caring(context, () => drill(options, context, signal)));
  } catch (thrown) {
    if (thrown instanceof WrongUsage) {
      context.terminal.err(`error: ${thrown.message}\n`);
      return EXIT.usage;
    }
    if (!(thrown instanceof Interrupted)) throw thrown;
    context.terminal.err(`it was stopped by ${thrown.message}, and what was restored is removed\n`);
    return EXIT.problems;
  }
}
