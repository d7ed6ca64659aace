import type { DropBox, Upload } from './ports.ts';

/** Pieces that are held while the connection is being made: 4 MiB at most. */
const HELD = 16;

const PIECE = 255 * 1024;

/** An upload that is begun before its drop box is there. */
class LazyUpload implements Upload {
  readonly #begun: Promise<Upload>;
  #upload: Upload | undefined;
  #held: Buffer[] = [];

  constructor(begun: Promise<Upload>) {
    this.#begun = begun.then(async (upload) => {
      for (const piece of this.#held) await upload.write(piece);
      this.#held = [];
      this.#upload = upload;
      return upload;
    });
    // Whoever writes or finishes is told.
    this.#begun.catch(() => undefined);
  }

  write(piece: Buffer): Promise<void> | undefined {
    if (this.#upload !== undefined) return this.#upload.write(piece);
    if (this.#held.length < HELD) {
      this.#held.push(piece);
      return undefined;
    }
    return this.#begun.then((upload) => upload.write(piece));
  }

  async finish(durable?: () => Promise<void>): Promise<void> {
    await (await this.#begun).finish(durable);
  }
}

/** A drop box whose connection is still being made: what is written meanwhile is held, up to a bound. */
export class LazyBox implements DropBox {
  readonly #box: Promise<DropBox>;
  #made: DropBox | undefined;

  constructor(box: Promise<DropBox>) {
    this.#box = box.then((made) => {
      this.#made = made;
      return made;
    });
    this.#box.catch(() => undefined);
  }

  async readStatus(most: number): Promise<string | undefined> {
    return (await this.#box).readStatus(most);
  }

  begin(name: string): Promise<Upload> {
    return Promise.resolve(
      this.#made?.begin(name) ?? new LazyUpload(this.#box.then((box) => box.begin(name))),
    );
  }

  async name(name: string): Promise<void> {
    await (await this.#box).name(name);
  }

  spare(): Buffer {
    return this.#made?.spare() ?? Buffer.allocUnsafeSlow(PIECE);
  }

  close(): void {
    this.#made?.close();
  }
}
