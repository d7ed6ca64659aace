import { createHash, type Hash } from 'node:crypto';
import { type ImagedFile, ImageFault } from '../offsite/ports.ts';

const DATA = '#\n# START OF DATA - DO NOT MODIFY\n#\n';

/** `PATH R TIME MODE UID GID LENGTH OFFSET`, from 4.6 on with ` SPARSE`: a regular file whose content is in the data. */
const REGULAR = /^(.+) R \d+ [0-7]+ \d+ \d+ (\d+) \d+(?: [01])?$/;

/** Bytes of a list of files that are read at most: some 40 million files. */
const MOST_LIST = 2 ** 32;

/**
 * Reads what `unsquashfs -pf` writes (squashfs-tools 4.5 and later, pseudo-file definitions of mksquashfs(1)): a line
 * for each path, and after the last of them the contents of all regular files one after the other.
 */
export class PseudoFile {
  readonly #visit: (file: ImagedFile) => void;
  readonly #paths: string[] = [];
  readonly #sizes: number[] = [];
  #list = '';
  #listed = 0;
  #inData = false;
  #at = 0;
  #left = 0;
  #hash: Hash | undefined;

  constructor(visit: (file: ImagedFile) => void) {
    this.#visit = visit;
  }

  /** Takes the next piece. Throws {@link ImageFault} for what no image of ours has. */
  take(piece: Uint8Array): void {
    if (this.#inData) this.#takeData(piece);
    else this.#takeList(piece);
  }

  #takeList(piece: Uint8Array): void {
    const text =
      this.#list + Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).toString('latin1');
    this.#listed += piece.length;
    if (this.#listed > MOST_LIST)
      throw new ImageFault('the list of files of the image is larger than any real one');
    const data = text.startsWith('#') ? 0 : text.indexOf('\n#') + 1;
    const isEnd = text.startsWith(DATA, data) && (data > 0 || text.startsWith('#'));
    const upTo = isEnd ? data : data > 0 ? data : text.lastIndexOf('\n') + 1;
    for (const line of text.slice(0, upTo).split('\n')) this.#takeLine(line);
    this.#list = text.slice(upTo);
    if (!isEnd) return;
    this.#inData = true;
    const rest = Buffer.from(this.#list.slice(DATA.length), 'latin1');
    this.#list = '';
    this.#next();
    this.#takeData(rest);
  }

  #takeLine(line: string): void {
    if (line === '' || / D \d+ [0-7]+ \d+ \d+$/.test(line)) return;
    const [, path, size] = REGULAR.exec(line) ?? [];
    if (path === undefined)
      throw new ImageFault(`the image holds what is neither a file nor a folder: ${line.slice(0, 200)}`);
    this.#paths.push(path);
    this.#sizes.push(Number(size));
  }

  /** Goes to the next file that has any content; empty ones are told at once. */
  #next(): void {
    for (;;) {
      const size = this.#sizes[this.#at];
      this.#hash = size === undefined ? undefined : createHash('sha256');
      this.#left = size ?? 0;
      if (size !== 0) return;
      this.#tell();
    }
  }

  #tell(): void {
    const path = this.#paths[this.#at] ?? '';
    const bytes = this.#sizes[this.#at] ?? 0;
    this.#visit({ path, bytes, sha256: this.#hash?.digest('hex') ?? '' });
    this.#at++;
  }

  #takeData(piece: Uint8Array): void {
    for (let from = 0; from < piece.length; ) {
      if (this.#hash === undefined) throw new ImageFault('the image has more content than files');
      const own = piece.subarray(from, from + this.#left);
      this.#hash.update(own);
      this.#left -= own.length;
      from += own.length;
      if (this.#left > 0) continue;
      this.#tell();
      this.#next();
    }
  }

  /** Throws {@link ImageFault} when files are missing. */
  end(): void {
    if (!this.#inData || this.#at < this.#paths.length)
      throw new ImageFault('reading the image back ended early');
  }
}
