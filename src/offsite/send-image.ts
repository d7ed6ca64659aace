import {
  type ImageIndex,
  type ImagePart,
  INDEX_FORMAT,
  indexName,
  partName,
} from '../model/ice/image-index.ts';
import type { ImageRun } from '../model/ice/image-run.ts';
import type { OffsiteReport } from './make-image.ts';
import type { Patience } from './patience.ts';
import { planParts } from './plan-parts.ts';
import type { IceStore, OffsiteMemory, PartSpool, SpooledPart } from './ports.ts';
import { sendObject } from './send-object.ts';

/** What sending an image works with. */
export interface SendPorts {
  store: IceStore;
  spool: PartSpool;
  memory: OffsiteMemory;
  patience: Patience;
  /** Eight hex digits by chance. */
  randomName(): string;
  /** Unix seconds. */
  now(): number;
  report: OffsiteReport;
  step(name: string): void;
}

/** What a person who finds an index reads first. */
const WHAT_IT_IS =
  'A backup made by Brinicle. In their order, each part decrypted by gpg and then joined, the parts are a squashfs. Nothing but gpg, unsquashfs, bsdtar and tar is needed: see docs/recovery.md of Brinicle.';

/** The index of an image whose parts are all in the store. */
export function indexOf(run: ImageRun, ended: number, program: string): ImageIndex {
  return {
    '//': WHAT_IT_IS,
    format: INDEX_FORMAT,
    image: run.image,
    began: run.began,
    ended: Math.floor(ended),
    program,
    kind: run.kind,
    chain: run.chain,
    squashfs: run.squashfs,
    parts: run.parts,
    recipients: run.recipients,
    holds: run.holds,
  };
}

/** Uploads what an image still lacks, and after each part remembers it. Throws `StoreFault`. */
export async function sendImage(
  run: ImageRun,
  program: string,
  ports: SendPorts,
  signal: AbortSignal,
): Promise<void> {
  const { store, spool, memory, report, step } = ports;
  const folder = `${run.image}/`;
  const total = run.squashfs.bytes;
  let sent = run.parts.reduce((bytes, part) => bytes + part.plain.bytes, 0);
  const show = (bytes: number): void => report.stage('uploading', sent + bytes, total);
  const send = async (
    name: () => string,
    what: string,
    source: SpooledPart | ReturnType<PartSpool['write']>,
  ) => {
    let last = '';
    await sendObject(
      store,
      () => {
        last = name();
        return `${folder}${last}`;
      },
      source,
      ports.patience,
      signal,
      show,
      (fault, waits) => report.note(`${what}: ${fault.message}; tried again in ${Math.ceil(waits)} s`),
    );
    return last;
  };
  const lacking = planParts(total, run.part_bytes).slice(run.parts.length);
  const encrypt = (index: number): Promise<SpooledPart> | undefined => {
    const part = lacking[index];
    const spooled = part && spool.encrypt(part.from, part.bytes);
    // Awaited in its turn; until then nobody listens, and Node would end the program.
    spooled?.catch(() => undefined);
    return spooled;
  };
  let next = encrypt(0);
  for (const [index, { number }] of lacking.entries()) {
    const spooled = await next;
    if (spooled === undefined) break;
    step('part spooled');
    // The next part is encrypted while this one is on its way.
    next = encrypt(index + 1);
    const what = `part ${number}`;
    const name = await send(() => partName(number, ports.randomName()), what, spooled);
    step('part sent');
    run.parts.push(partOf(name, spooled));
    memory.save(run);
    spool.remove(spooled);
    sent += spooled.plain.bytes;
    show(0);
    step('part remembered');
  }
  const index = spool.write(`${JSON.stringify(indexOf(run, ports.now(), program), null, 1)}\n`);
  await send(() => indexName(ports.randomName()), 'the index', index);
  spool.remove(index);
  step('index sent');
}

function partOf(name: string, { bytes, sha256, crc32c, plain }: SpooledPart): ImagePart {
  return { name, bytes, sha256, crc32c, plain };
}
