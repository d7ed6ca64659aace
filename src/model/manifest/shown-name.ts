import { isUtf8 } from 'node:buffer';
import { printable } from '../problem.ts';
import type { ByteText } from './entry.ts';

const NOT_ASCII = /[\u0080-\u00ff]/g;
const octal = (char: string): string => `\\${char.charCodeAt(0).toString(8)}`;

/** The text that a name's bytes are in UTF-8, or nothing when they are none. */
export function textOfName(name: ByteText): string | undefined {
  const bytes = Buffer.from(name, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : undefined;
}

/**
 * A name or path as it is shown: in UTF-8 where it is that, else with its other bytes as `\377`, which the commands
 * take again. What a terminal would obey, or show as something else, is escaped.
 */
export function shownName(name: ByteText): string {
  return printable(textOfName(name) ?? name.replace(NOT_ASCII, octal), 16_384);
}

/** A path of a manifest as a person writes it: `/etc/hosts` for `./etc/hosts`. */
export function shownPath(path: ByteText): string {
  return path === '.' ? '/' : shownName(path.slice(1));
}
