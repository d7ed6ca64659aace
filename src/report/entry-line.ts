import type { Entry } from '../model/manifest/entry.ts';
import { shownName, shownPath } from '../model/manifest/shown-name.ts';

const LETTER: Record<Entry['kind'], string> = {
  file: '-',
  folder: 'd',
  symlink: 'l',
  fifo: 'p',
  socket: 's',
  block: 'b',
  char: 'c',
  link: 'h',
};

/** Permissions as ls writes them, with special bits: `rwsr-xr-t`. */
export function modeText(mode: number): string {
  const three = (bits: number, special: boolean, letter: string): string => {
    const execute = (bits & 1) !== 0;
    const last = special ? (execute ? letter : letter.toUpperCase()) : execute ? 'x' : '-';
    return `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${last}`;
  };
  return (
    three(mode >> 6, (mode & 0o4000) !== 0, 's') +
    three(mode >> 3, (mode & 0o2000) !== 0, 's') +
    three(mode, (mode & 0o1000) !== 0, 't')
  );
}

/** A moment in a time zone, to the second: `2026-11-24 07:49:34`. */
export function timeText(seconds: number, offset: number): string {
  const date = new Date((seconds + offset) * 1000);
  // A manifest holds moments that Date does not.
  if (Number.isNaN(date.getTime())) return `@${seconds}`;
  return date.toISOString().replace('T', ' ').slice(0, -5);
}

function sizeText(entry: Exclude<Entry, { kind: 'link' }>): string {
  if (entry.kind === 'file') return String(entry.size);
  return entry.kind === 'block' || entry.kind === 'char' ? `${entry.major}, ${entry.minor}` : '-';
}

const hasAcl = (entry: Exclude<Entry, { kind: 'link' }>): boolean =>
  entry.attributes.some(({ name }) => name.startsWith('system.posix_acl_'));

/** What stands after a name: where a link leads, and that a file is sealed. */
function suffix(entry: Entry): string {
  if (entry.kind === 'symlink') return ` -> ${shownName(entry.target)}`;
  if (entry.kind === 'link') return ` => ${shownPath(entry.target)}`;
  return entry.kind === 'file' && entry.sealed ? ' (sealed)' : '';
}

/** An entry as `ls -l` writes it, under a name; `offset` is the time zone at a moment. */
export function entryLine(entry: Entry, name: string, offset: (at: number) => number): string {
  if (entry.kind === 'link') return `h---------  ${''.padEnd(51)} ${name}${suffix(entry)}\n`;
  const owner = entry.uname === '' ? String(entry.uid) : shownName(entry.uname);
  const group = entry.gname === '' ? String(entry.gid) : shownName(entry.gname);
  const { seconds } = entry.time;
  return `${LETTER[entry.kind]}${modeText(entry.mode)}${hasAcl(entry) ? '+' : ' '} ${owner.padEnd(8)} ${group.padEnd(8)} ${sizeText(entry).padStart(13)} ${timeText(seconds, offset(seconds)).padEnd(19)} ${name}${suffix(entry)}\n`;
}

/** An entry as JSON: a name that is not UTF-8 is shown escaped, and stands in base64 beside it. */
export function entryJson(entry: Entry): Record<string, unknown> {
  const path = shownPath(entry.path);
  const base64 = Buffer.from(entry.path.slice(1), 'latin1').toString('base64');
  const exact = Buffer.from(path, 'utf8').toString('base64') === base64 || entry.path === '.';
  const own = { path, ...(exact ? {} : { path_base64: base64 }), kind: entry.kind };
  if (entry.kind === 'link') return { ...own, target: shownPath(entry.target) };
  const { uid, gid, uname, gname, time, attributes } = entry;
  return {
    ...own,
    mode: entry.mode.toString(8).padStart(4, '0'),
    uid,
    gid,
    uname: shownName(uname),
    gname: shownName(gname),
    time: `${time.seconds}.${String(time.nanoseconds).padStart(9, '0')}`,
    ...(entry.kind === 'file' ? { size: entry.size, sha256: entry.object, sealed: entry.sealed } : {}),
    ...(entry.kind === 'symlink' ? { target: shownName(entry.target) } : {}),
    ...('major' in entry ? { major: entry.major, minor: entry.minor } : {}),
    attributes: attributes.map(({ name }) => shownName(name)),
  };
}
