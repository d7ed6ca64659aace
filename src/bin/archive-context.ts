import { archiveFolder } from '../io/archive-folder.ts';
import { type ArchiveHold, holdArchive } from '../io/archive-lock.ts';
import { becomeOwner, runAsOwner } from '../io/archive-owner.ts';
import { bsdtar, streamSink } from '../io/bsdtar.ts';
import { stepBack } from '../io/step-back.ts';
import { writeSystemLog } from '../io/system-log.ts';
import type { ArchiveReader } from '../model/archive/archive-reader.ts';
import type { Extractor } from '../model/archive/extractor.ts';
import type { ByteSink } from '../model/byte-sink.ts';
import { ROTATE_CONFIG } from '../model/rotate-config.ts';
import type { Now } from '../restore/choose-version.ts';
import type { Terminal } from './terminal.ts';

/** What the commands for the archive need of the world. */
export interface ArchiveContext {
  terminal: Terminal;
  /** Standard output, for bytes. */
  out: () => ByteSink;
  outIsTerminal: boolean;
  errIsTerminal: boolean;
  isRoot: boolean;
  now: () => Now;
  /** Where the states put the backup server's configuration. */
  config: string;
  openArchive: (folder: string) => ArchiveReader;
  hold: (archive: string, account: string, waiting: () => void) => ArchiveHold;
  extractor: Extractor;
  /** Root becomes the archive's owner, so that what is written is the owner's. */
  becomeOwner: (archive: string) => void;
  /** Root runs the command as the archive's owner, who may still read everything; answers with its exit code. */
  runAsOwner: (archive: string) => number | undefined;
  /** Writes lines into the machine's log, under a name; false when there is none. */
  log: (name: string, lines: readonly string[]) => boolean;
  /** Lets other programs go first. */
  stepBack: (session: { ownSession: boolean }) => void;
}

/** The world that this process runs in. */
export function processContext(terminal: Terminal): ArchiveContext {
  return {
    terminal,
    out: () => streamSink(process.stdout),
    outIsTerminal: process.stdout.isTTY === true,
    errIsTerminal: process.stderr.isTTY === true,
    isRoot: process.geteuid?.() === 0,
    now: () => ({
      at: Date.now() / 1000,
      offset: (at) => -60 * new Date(at * 1000).getTimezoneOffset(),
    }),
    config: ROTATE_CONFIG,
    openArchive: archiveFolder,
    hold: holdArchive,
    extractor: bsdtar,
    becomeOwner,
    runAsOwner,
    log: writeSystemLog,
    stepBack: (session) => stepBack(10, 'idle', session),
  };
}
