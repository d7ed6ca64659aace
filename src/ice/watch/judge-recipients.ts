import { type MessageRecipients, messageRecipients } from '../../model/ice/message-recipients.ts';
import { error, type Problem, printable } from '../../model/problem.ts';
import { StoreFault } from '../../offsite/ports.ts';
import { type Reading, readWhole } from '../patient-read.ts';
import type { PlacedPart } from '../place-parts.ts';
import type { KnownKey } from '../ports.ts';
import { isFrozen } from '../storage-class.ts';

/** Bytes in which the session keys of a few recipients stand, and of as many as are taken. */
const FIRST_BYTES = [4096, 65_536];

/** Parts that are looked at at once. */
const AT_ONCE = 8;

/** Keys by what is asked of them. */
export interface KnownKeys {
  /** Every part must be encrypted to each. */
  wanted: readonly KnownKey[];
  /** Parts may be encrypted to them. */
  former: readonly KnownKey[];
}

/** What the first bytes of an image's parts tell. */
export interface PartsRecipients {
  /** Parts by the sorted key IDs that they are encrypted to, joined by spaces. */
  byKeys: ReadonlyMap<string, readonly string[]>;
  /** Parts that are no message of ours, and why. */
  faults: readonly { name: string; what: string }[];
  /** Parts that have to thaw before they can be looked at. */
  frozen: number;
}

async function recipientsOf(reading: Reading, { candidates }: PlacedPart): Promise<MessageRecipients> {
  const [object] = candidates;
  if (object === undefined) return { fault: 'the store does not have it' };
  let read: MessageRecipients = { tooShort: true };
  for (const most of FIRST_BYTES) {
    read = messageRecipients(await readWhole(reading, object, Math.min(most, object.bytes)));
    if (!('tooShort' in read) || object.bytes <= most) break;
  }
  return read;
}

/** Looks at the first bytes of every part of an image. */
export async function lookAtRecipients(
  reading: Reading,
  parts: readonly PlacedPart[],
  progress: (parts: number) => void,
): Promise<PartsRecipients> {
  const byKeys = new Map<string, string[]>();
  const faults: { name: string; what: string }[] = [];
  const readable = parts.filter(({ candidates }) => !candidates.some(isFrozen));
  const queue = readable.values();
  let looked = 0;
  const work = async (): Promise<void> => {
    for (const placed of queue) {
      const { name } = placed.part;
      try {
        const read = await recipientsOf(reading, placed);
        if ('keyIds' in read && !read.byPassphrase) {
          const key = [...read.keyIds].sort().join(' ');
          const same = byKeys.get(key);
          if (same === undefined) byKeys.set(key, [name]);
          else same.push(name);
        } else {
          faults.push({ name, what: troubleOf(read) });
        }
      } catch (thrown) {
        if (!(thrown instanceof StoreFault) || thrown.kind !== 'absent') throw thrown;
        faults.push({ name, what: printable(thrown.message) });
      }
      progress(++looked);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return { byKeys, faults, frozen: parts.length - readable.length };
}

function troubleOf(read: MessageRecipients): string {
  if ('fault' in read) return read.fault;
  return 'keyIds' in read ? 'a passphrase opens it' : 'it ends before what is encrypted';
}

const some = (names: readonly string[]): string =>
  names.length > 1 ? `${names.length} parts, as ${names[0]}` : `${names[0]}`;

const WHY_FOREIGN =
  'whoever took the backup server can encrypt to a key of their own, and then nobody else can restore what comes from now on';
const FIX =
  'if the recipient was changed on purpose, give the one before by --former FILE until the next image; else treat the backup server as taken';

/** Whether the parts of an image are encrypted to the keys that they are to be, and to no other. */
export function judgeRecipients(
  image: string,
  { byKeys, faults }: PartsRecipients,
  { wanted, former }: KnownKeys,
): Problem[] {
  const problems: Problem[] = [];
  const complain = (what: string, why: string): void => {
    problems.push(error('ice-recipient', {}, `${image}: ${what}`, why, FIX));
  };
  const known = new Set([...wanted, ...former].flatMap(({ keyIds }) => keyIds));
  for (const [key, names] of byKeys) {
    const keyIds = key.split(' ');
    const foreign = keyIds.filter((keyId) => !known.has(keyId));
    if (foreign.length > 0)
      complain(
        `${some(names)}: encrypted to ${foreign.join(', ')}, which is no key of the policy`,
        WHY_FOREIGN,
      );
    const isFormer = former.some((one) => one.keyIds.some((keyId) => keyIds.includes(keyId)));
    const lacks = isFormer ? [] : wanted.filter((one) => !one.keyIds.some((keyId) => keyIds.includes(keyId)));
    if (lacks.length > 0)
      complain(
        `${some(names)}: not encrypted to ${lacks.map(({ fingerprint }) => fingerprint).join(', ')}`,
        'whoever holds that key could not restore it',
      );
  }
  const [fault] = faults;
  if (fault !== undefined)
    complain(
      `${some(faults.map(({ name }) => name))}: ${fault.what}`,
      'it is no part that Brinicle made, or it was altered',
    );
  return problems;
}
