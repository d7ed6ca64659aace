import type { ByteText } from '../../../src/model/manifest/entry.ts';

/** What a record of a manifest is, read without the code that is tested. */
export interface PlainRecord {
  path: ByteText;
  lines: string;
  object: string | undefined;
  size: number;
}

function unescaped(word: string): ByteText {
  let out = '';
  for (let at = 0; at < word.length; at++) {
    if (word[at] !== '\\') out += word[at];
    else {
      const digits = word.slice(at + 1, at + 4);
      if (!/^[0-3][0-7][0-7]$/.test(digits))
        throw new Error(`an escape that is none: ${JSON.stringify(word)}`);
      out += String.fromCharCode(Number.parseInt(digits, 8));
      at += 3;
    }
  }
  return out;
}

function checkPath(path: ByteText): ByteText {
  const [first, ...parts] = path.split('/');
  if (first !== '.') throw new Error(`a path that leaves the tree: ${JSON.stringify(path)}`);
  for (const part of parts)
    if (part === '' || part === '.' || part === '..' || part.length > 255 || part.includes('\0'))
      throw new Error(`a path with a wrong part: ${JSON.stringify(path)}`);
  return path;
}

const TYPES = ['file', 'dir', 'link', 'fifo', 'block', 'char'];

/** A line of a path: `path key=value key=value`. */
function readLine(line: string): { path: ByteText; type: string; keys: Map<string, string> } {
  const [word = '', ...pairs] = line.split(' ');
  const keys = new Map<string, string>();
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    if (at < 1 || keys.has(pair.slice(0, at)))
      throw new Error(`a word that is no key: ${JSON.stringify(line)}`);
    keys.set(pair.slice(0, at), pair.slice(at + 1));
  }
  return { path: checkPath(unescaped(word)), type: keys.get('type') ?? 'none', keys };
}

function fileOf(keys: ReadonlyMap<string, string>, line: string): { object: string; size: number } {
  const contents = /^objects\/([0-9a-f]{2})\/([0-9a-f]{62})$/.exec(keys.get('contents') ?? '');
  const size = keys.get('size') ?? '';
  if (contents === null || !/^(?:0|[1-9]\d*)$/.test(size))
    throw new Error(`a file that is none: ${JSON.stringify(line)}`);
  return { object: `${contents[1]}${contents[2]}`, size: Number(size) };
}

/** The records of a manifest, one by one, held against those before them. */
class PlainTree {
  readonly #types = new Map<ByteText, string>();
  readonly records: PlainRecord[] = [];

  take(line: string): void {
    if (/[^\x21-\x7e ]/.test(line)) throw new Error(`a line with a raw byte: ${JSON.stringify(line)}`);
    const [mark = ''] = line.split(' ');
    if (mark === '#link') this.#takeLink(line);
    else if (mark === '#socket') this.#begin(readLine(line.slice(8)).path, 'socket', line);
    else if (mark === '#xattr' || mark === '#sealed') this.#goOn(line);
    else if (line.startsWith('#')) throw new Error(`a comment that is unknown: ${JSON.stringify(line)}`);
    else this.#takeLine(line);
  }

  #begin(path: ByteText, type: string, line: string): PlainRecord {
    if (this.#types.has(path)) throw new Error(`two of ${JSON.stringify(path)}`);
    const parent = path.slice(0, path.lastIndexOf('/'));
    if (path === '.' ? type !== 'dir' || this.#types.size > 0 : this.#types.get(parent) !== 'dir')
      throw new Error(`${JSON.stringify(path)} is in no folder`);
    this.#types.set(path, type);
    const record = { path, lines: `${line}\n`, object: undefined, size: 0 };
    this.records.push(record);
    return record;
  }

  #takeLink(line: string): void {
    const [, word = '', other = ''] = line.split(' ');
    const type = this.#types.get(checkPath(unescaped(other)));
    if (type === undefined || type === 'dir' || type === '#link')
      throw new Error(`a link to ${type ?? 'nothing'}`);
    this.#begin(checkPath(unescaped(word)), '#link', line);
  }

  #goOn(line: string): void {
    const last = this.records.at(-1);
    if (last === undefined || last.path !== unescaped(line.split(' ')[1] ?? ''))
      throw new Error(`a comment of another path: ${line}`);
    last.lines += `${line}\n`;
  }

  #takeLine(line: string): void {
    const { path, type, keys } = readLine(line);
    if (!TYPES.includes(type)) throw new Error(`a type that is unknown: ${type}`);
    const record = this.#begin(path, type, line);
    if (keys.has('contents') !== (type === 'file')) throw new Error(`contents of a ${type}`);
    if (type === 'file') Object.assign(record, fileOf(keys, line));
  }
}

/**
 * Reads a manifest by its words, slowly, and checks what would hurt who restores it: paths that leave the tree, two
 * of one name, contents outside the pool, what lies below something that is no folder, links to what is no file.
 */
export function readManifest(text: string): PlainRecord[] {
  const lines = text.split('\n');
  if (lines.shift() !== '#mtree brinicle 1' || lines.pop() !== '') throw new Error('no manifest');
  const tree = new PlainTree();
  for (const line of lines) tree.take(line);
  return tree.records;
}
