import { lstatSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { type ImageRun, imageRunSchema } from '../model/ice/image-run.ts';
import type { CompleteImage, OffsiteMemory } from '../offsite/ports.ts';
import { replaceDurably, syncFolder } from './durable.ts';
import { ICE_RECORD, readIceRecord } from './ice-record.ts';
import { offsitePaths } from './offsite-folder.ts';
import { readPlain } from './read-plain.ts';

/** Most bytes of what is remembered: the run of an image of 100,000 parts has some 40 MB. */
const MOST_BYTES = 64 * 2 ** 20;

/** Most bytes of the record of a host. */
const MOST_OF_RECORD = 4096;

const count = z.number().min(0).max(Number.MAX_SAFE_INTEGER);

const newestSchema = z.object({
  image: z.string(),
  began: count,
  ended: count,
  bytes: count,
  holdsBytes: count,
  chain: z.array(z.string()),
  fullBegan: count,
  store: z.string(),
  recipients: z.array(z.string()),
});

/** JSON of a file by a schema; nothing where it is missing or damaged. */
function remembered<Schema extends z.ZodType>(path: string, schema: Schema): z.output<Schema> | undefined {
  const text = readPlain(path, MOST_BYTES);
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    // What is damaged is as good as lost: then an image is made anew, and nothing is taken for being on ice.
    return undefined;
  }
}

/** The image that came onto the ice last, for those who only look; nothing before the first. */
export function newestImage(archive: string): CompleteImage | undefined {
  return remembered(offsitePaths(archive).newest, newestSchema);
}

/** What is remembered of images, in the archive's `.offsite`. */
export function offsiteMemory(archive: string): OffsiteMemory {
  const paths = offsitePaths(archive);
  const save = (path: string, value: ImageRun | CompleteImage): void => {
    replaceDurably(path, `${JSON.stringify(value)}\n`);
    syncFolder(paths.folder);
  };
  return {
    load: () => remembered(paths.run, imageRunSchema),
    save: (run) => save(paths.run, run),
    forget: () => rmSync(paths.run, { force: true }),
    newest: () => newestImage(archive),
    complete: (image) => save(paths.newest, image),
    failedAt: () => {
      const at = lstatSync(paths.failed, { throwIfNoEntry: false })?.mtimeMs;
      return at === undefined ? undefined : at / 1000;
    },
    noteFailure: (at) => {
      if (at === undefined) {
        rmSync(paths.failed, { force: true });
        return;
      }
      writeFileSync(paths.failed, '');
      utimesSync(paths.failed, at, at);
    },
    recordIce: (account, image, through) => {
      const folder = join(archive, account);
      replaceDurably(join(folder, ICE_RECORD), `${JSON.stringify({ image, through })}\n`);
      syncFolder(folder);
    },
    onIce: (account) => {
      const text = readPlain(join(archive, account, ICE_RECORD), MOST_OF_RECORD);
      return text === undefined ? undefined : readIceRecord(text);
    },
  };
}
