/**
 * A pack is a POSIX tar archive of regular files, which hold contents and never a path of the host:
 * `data/N` a whole object; `big/N/base`, `big/N/OFFSET` …, `big/N/end` an object by blocks; `delta/N` a piece of
 * the manifest's delta. docs/pack.md describes it for those who write one.
 */

/** Bytes of a tar block. */
export const TAR_BLOCK = 512;

/** A big object is told by blocks of so many bytes; its last one may be shorter. */
export const BIG_BLOCK = 64 * 1024;

/** Objects up to so many bytes are one member; larger ones are told by blocks. */
export const MAX_DATA = 4 * 2 ** 20;

/** Most bytes of a piece of the delta. */
export const MAX_DELTA_PIECE = 2 ** 20;

/** Most bytes of the two members that say what a big object is. */
const MAX_SAYING = 512;

/** What a member of a pack means. */
export type Member =
  | { kind: 'data'; number: number }
  | { kind: 'big-base'; number: number }
  | { kind: 'big-block'; number: number; offset: number }
  | { kind: 'big-end'; number: number }
  | { kind: 'delta'; number: number };

const NAME = /^(?:(data|delta)\/(0|[1-9]\d{0,14})|big\/(0|[1-9]\d{0,14})\/(?:(base|end)|(0|[1-9]\d{0,15})))$/;

/** The name of a member. */
export function memberName(member: Member): string {
  switch (member.kind) {
    case 'big-base':
      return `big/${member.number}/base`;
    case 'big-end':
      return `big/${member.number}/end`;
    case 'big-block':
      return `big/${member.number}/${member.offset}`;
    default:
      return `${member.kind}/${member.number}`;
  }
}

/** What a member's name means, or nothing when no member has it. */
export function readMemberName(name: string): Member | undefined {
  const found = NAME.exec(name);
  if (found === null) return undefined;
  const [, plain, plainNumber, bigNumber, saying, offset] = found;
  if (plain === 'data' || plain === 'delta') return { kind: plain, number: Number(plainNumber) };
  const number = Number(bigNumber);
  if (saying !== undefined) return { kind: saying === 'base' ? 'big-base' : 'big-end', number };
  const at = Number(offset);
  return Number.isSafeInteger(at) && at % BIG_BLOCK === 0
    ? { kind: 'big-block', number, offset: at }
    : undefined;
}

/** Most bytes that a member of this kind may have. */
export function mostBytes(kind: Member['kind']): number {
  if (kind === 'data') return MAX_DATA;
  if (kind === 'big-block') return BIG_BLOCK;
  return kind === 'delta' ? MAX_DELTA_PIECE : MAX_SAYING;
}

/** Bytes of zeros that follow a content of so many bytes in a tar archive. */
export function padding(bytes: number): number {
  return (TAR_BLOCK - (bytes % TAR_BLOCK)) % TAR_BLOCK;
}

const TEMPLATE = new Uint8Array(TAR_BLOCK);

function put(at: number, text: string): void {
  for (let index = 0; index < text.length; index++) TEMPLATE[at + index] = text.charCodeAt(index);
}

put(100, '0000400\0');
put(108, '0000000\0');
put(116, '0000000\0');
put(136, '00000000000\0');
put(148, '        ');
put(156, '0');
put(257, 'ustar\0');
put(263, '00');
put(329, '0000000\0');
put(337, '0000000\0');
const TEMPLATE_SUM = TEMPLATE.reduce((sum, byte) => sum + byte, 0);

/**
 * Writes the tar header of a member of so many bytes into 512 bytes at `at`. There is one header for a name and a
 * size: mode 0400, owner and time 0 (IEEE 1003.1 pax, "ustar Interchange Format").
 */
export function writeHeader(into: Uint8Array, at: number, name: string, bytes: number): void {
  into.set(TEMPLATE, at);
  let sum = TEMPLATE_SUM;
  const field = (offset: number, text: string): void => {
    for (let index = 0; index < text.length; index++) {
      const code = text.charCodeAt(index);
      into[at + offset + index] = code;
      sum += code;
    }
  };
  field(0, name);
  field(124, bytes.toString(8).padStart(11, '0'));
  // The template has eight blanks there, which the sum counts as they stand.
  const digits = sum.toString(8).padStart(6, '0');
  for (let index = 0; index < 6; index++) into[at + 148 + index] = digits.charCodeAt(index);
  into[at + 154] = 0;
}
