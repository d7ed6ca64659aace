import type { Status } from '../model/status.ts';
import type { Remembered } from './ports.ts';

/** Seconds between two full pushes at the server's word. */
export const FULL_EVERY = 7 * 86_400;

/** What a push goes out from, and why. */
export type BaseChoice =
  | { kind: 'base'; manifest: string; why: string }
  /** All contents are sent. `asked` when the server's word alone is the reason. */
  | { kind: 'full'; why: string; asked: boolean }
  | { kind: 'refused'; why: string; fix: string };

/**
 * Chooses what a push goes out from. The status is the word of a machine that may have been taken: it can only say
 * which of the manifests that this host itself remembers it holds, and can have all contents anew once a week.
 *
 * @param status nothing when the server has written none yet
 * @param now this host's clock, in seconds
 */
export function chooseBase(
  remembered: Remembered,
  status: Status | undefined,
  now: number,
  full: boolean,
): BaseChoice {
  if (full) return { kind: 'full', why: 'asked by --full', asked: false };
  const held = status?.accepted?.manifest;
  const { last, accepted, earlier } = remembered;
  const known = [last?.manifest, accepted];
  if (known.every((manifest) => manifest === undefined || manifest === null))
    return { kind: 'full', why: 'nothing is remembered here of an earlier push', asked: false };
  // One that was begun may be ended, however often it is interrupted.
  const mayAsk =
    remembered.asking ||
    remembered.fullAsked === null ||
    now - remembered.fullAsked >= FULL_EVERY ||
    remembered.fullAsked > now + 86_400;
  if (status?.full_wanted === true && mayAsk)
    return {
      kind: 'full',
      why: 'the backup server asks for all contents, because some of its objects are damaged',
      asked: true,
    };
  // What was refused once for what it goes out from would be refused again.
  if (status?.refused != null && status.refused.push === remembered.last?.push && mayAsk)
    return { kind: 'full', why: 'the backup server refused the last push', asked: true };
  if (held !== undefined && held === remembered.last?.manifest)
    return { kind: 'base', manifest: held, why: 'the backup server holds the last push' };
  if (held !== undefined && (held === accepted || earlier.includes(held)))
    return {
      kind: 'base',
      manifest: held,
      why: 'the backup server holds an earlier push, and not the last one yet',
    };
  if (held === undefined && remembered.accepted === null && status?.refused == null)
    return { kind: 'full', why: 'the backup server has accepted no push yet', asked: false };
  const why =
    held === undefined
      ? 'the backup server says that it holds no push of this host'
      : 'the backup server says that it holds a push that this host does not remember';
  if (mayAsk) return { kind: 'full', why, asked: true };
  return {
    kind: 'refused',
    why: `${why}, and a full push was made at its word less than a week ago`,
    fix: 'look at brinicle versions on the backup server; brinicle-snap --full sends everything',
  };
}

/** What is remembered once the server has told what it holds: never an older manifest than before. */
export function rememberAccepted(remembered: Remembered, status: Status | undefined): Remembered {
  const held = status?.accepted?.manifest;
  if (held === undefined) return remembered;
  if (held === remembered.last?.manifest) return { ...remembered, accepted: held, earlier: [] };
  const at = remembered.earlier.lastIndexOf(held);
  return at < 0 ? remembered : { ...remembered, accepted: held, earlier: remembered.earlier.slice(at + 1) };
}

/** Pushes before the last one that are remembered until the server tells of one of them. */
const EARLIER = 3;

/**
 * What is remembered before a commit goes out: from then on the server may hold its manifest, whatever becomes of this
 * run. It may still come to hold those before it too.
 */
export function rememberSent(remembered: Remembered, sent: NonNullable<Remembered['last']>): Remembered {
  const { last, accepted, earlier } = remembered;
  const isNews = last !== null && last.manifest !== accepted && last.manifest !== sent.manifest;
  return {
    ...remembered,
    last: sent,
    earlier: isNews ? [...earlier, last.manifest].slice(-EARLIER) : earlier,
    asking: false,
  };
}
