import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { prepareZXingModule, readBarcodes } from 'zxing-wasm/reader';

// It would load this from a network.
const wasm = createRequire(import.meta.url).resolve('zxing-wasm/reader/zxing_reader.wasm');
prepareZXingModule({ overrides: { wasmBinary: Uint8Array.from(readFileSync(wasm)).buffer } });

const ENTITIES: Record<string, string> = { lt: '<', gt: '>', quot: '"', '#39': "'", '#96': '`', amp: '&' };

/** The text of a piece of HTML that has no tags in it. */
export function textOf(html: string): string {
  return html.replace(/&(lt|gt|quot|#39|#96|amp);/g, (_, name: string) => ENTITIES[name] ?? '');
}

/** The lines to type, as they stand on the page. */
export function linesOf(page: string): string[] {
  return [...page.matchAll(/<div class="line">(.*?)<\/div>/g)].map(([, line = '']) => textOf(line));
}

/** The commands to type, step by step. */
export function commandsOf(page: string): string[] {
  return [...page.matchAll(/<pre class="commands">(.*?)<\/pre>/gs)].map(([, text = '']) => textOf(text));
}

/** The drawings of the codes, as they stand on the page. */
export function drawingsOf(page: string): string[] {
  return [...page.matchAll(/<svg .*?<\/svg>/gs)].map(([drawing]) => drawing);
}

const SCALE = 6;

/** Puts ink where the drawing has it: pixels of 0 and 255, a square of `side`. */
export function inked(drawing: string): { side: number; pixels: Uint8Array<ArrayBuffer> } {
  const [, size] = /viewBox="0 0 (\d+) \1"/.exec(drawing) ?? [];
  const side = Number(size) * SCALE;
  const pixels = new Uint8Array(side * side).fill(255);
  const [, path = ''] = / d="([^"]*)"/.exec(drawing) ?? [];
  expectWhole(path);
  for (const [, x, y, width] of path.matchAll(/M(\d+) (\d+)h(\d+)v1h-\d+z/g)) {
    const left = Number(x) * SCALE;
    const top = Number(y) * SCALE;
    for (let row = top; row < top + SCALE; row++)
      pixels.fill(0, row * side + left, row * side + left + Number(width) * SCALE);
  }
  return { side, pixels };
}

function expectWhole(path: string): void {
  if (!/^(?:M\d+ \d+h\d+v1h-\d+z)+$/.test(path)) throw new Error('a drawing that is not of rows of modules');
}

/** What a phone reads off a drawing, by ZXing, which many of them use. */
export async function scanned({ side, pixels }: ReturnType<typeof inked>): Promise<string[]> {
  const data = new Uint8ClampedArray(side * side * 4);
  for (const [at, value] of pixels.entries()) data.set([value, value, value, 255], at * 4);
  const image = { width: side, height: side, data, colorSpace: 'srgb' as const };
  const found = await readBarcodes(image, { formats: ['QRCode'], tryHarder: true });
  return found.map(({ text }) => text);
}
