import { renameSync } from 'node:fs';
import { checkListing, type ImageContents } from '../../../ice/check-listing.ts';
import { fetchImage } from '../../../ice/fetch-image.ts';
import type { OpenedImage } from '../../../ice/open-image.ts';
import type { PartTrouble } from '../../../ice/part-fault.ts';
import type { Reading } from '../../../ice/patient-read.ts';
import { type Decryptor, ImageFault } from '../../../ice/ports.ts';
import { readConfigFile } from '../../../io/config-file.ts';
import { faultPoint } from '../../../io/fault-point.ts';
import { addObjects, hostsFileOf, takeOver } from '../../../io/ice/unpacked-tree.ts';
import { listSquashfs, type UnpackLimits, unpackSquashfs } from '../../../io/ice/unsquashfs.ts';
import type { TreeOf, WorkFolder } from '../../../io/ice/work-folder.ts';
import { type ImageHost, imageHostsSchema } from '../../../model/ice/image-hosts.ts';
import { HOSTS_FILE } from '../../../model/ice/image-paths.ts';
import { printable } from '../../../model/problem.ts';
import { byteSize, count } from '../../../report/figures.ts';
import type { IceContext } from '../../ice-context.ts';
import { ProgressBar } from '../../progress-bar.ts';
import { refuse } from '../archive/archive-options.ts';

/** Bytes that are left to others of the file system that the work folder is on. */
const SPARE = 64 * 2 ** 20;

/** Folders of an account at most: its own, two, and one for each beginning of a digest. */
const FOLDERS_OF_ACCOUNT = 259;

/** What is to be brought back from the ice, and by what. */
export interface BringJob {
  /** The image that is meant, and after it those that it needs, the newest first. */
  images: readonly [OpenedImage, ...OpenedImage[]];
  /** One host alone, by minion ID or account. */
  host: string | undefined;
  /** Where no host is named: chooses one of the accounts, which are sorted. Left out, all come back. */
  pick?: (accounts: readonly string[]) => string | undefined;
  work: WorkFolder;
  /** Leave each squashfs in the work folder. */
  keep: boolean;
  reading: Reading;
  decryptor: Decryptor;
  /** See {@link fetchImage}. */
  tellTrouble?: (trouble: PartTrouble) => void;
}

/** An archive as it was when its image was made, or one host of it. */
export interface Brought {
  /** Its folder, in the work folder. */
  tree: string;
  /** The account of the host that was asked for. */
  account: string | undefined;
  /** Objects of older images that took the place of damaged ones. */
  healed: number;
  /** Images that it was made of. */
  images: number;
}

const point = faultPoint();

/** Ends the command when the work folder's file system has no room. */
export function needRoom(work: WorkFolder, bytes: number, what: string): void {
  const free = work.free();
  if (bytes + SPARE <= free) return;
  refuse(
    'ice-room',
    { at: { file: work.folder } },
    `${what} needs ${byteSize(bytes)}, and ${byteSize(free)} are free`,
    'an image is put together on disk before anything of it is used',
    'make room, or name another place by --work DIR; what is there is kept and used again',
  );
}

/** Fetches the squashfs of an image. False only where troubles are told. */
async function fetchShown(image: OpenedImage, job: BringJob, context: IceContext): Promise<boolean> {
  const { index, placement, name } = image;
  const { work, reading, decryptor, tellTrouble } = job;
  const total = index.parts.reduce((sum, { bytes }) => sum + bytes, 0);
  const parts = count(index.parts.length);
  context.terminal.err(`${name}: ${byteSize(total)} in ${parts} parts, through ${decryptor.name}\n`);
  const bar = context.errIsTerminal
    ? new ProgressBar(context.terminal.err, () => context.now().at)
    : undefined;
  const file = work.open(name);
  try {
    needRoom(work, index.squashfs.bytes - file.size(), `the squashfs of ${name}`);
    return await fetchImage({
      reading,
      parts: placement.parts,
      decryptor,
      file,
      progress: (bytes, part) => bar?.show(bytes, total, bytes, `part ${count(part)} of ${parts}`),
      partDone: () => point('part'),
      ...(tellTrouble === undefined ? {} : { tellTrouble }),
    });
  } finally {
    bar?.end();
    file.close();
  }
}

/** The list of a squashfs, checked; and what unpacking it may take. */
interface Looked {
  contents: ImageContents;
  limits: UnpackLimits;
  /** True when not all of it belongs to the caller. */
  others: boolean;
}

async function look(image: OpenedImage, { work, reading }: BringJob): Promise<Looked> {
  const { holds } = image.index;
  const { signal } = reading;
  const said = holds.objects + 3 * holds.versions + FOLDERS_OF_ACCOUNT * holds.hosts;
  const own = process.geteuid?.();
  let others = false;
  async function* watched(): ReturnType<typeof listSquashfs> {
    for await (const entry of listSquashfs(work.squashfs(image.name), { entries: said, signal })) {
      if (entry.uid !== own) others = true;
      yield entry;
    }
  }
  const contents = await checkListing(watched());
  let [bytes, entries] = [0, 0];
  for (const account of contents.accounts.values()) {
    bytes += account.bytes;
    entries += account.files + FOLDERS_OF_ACCOUNT;
  }
  return { contents, others, limits: { largest: contents.largest, entries, bytes, signal } };
}

/** Unpacks some paths, or all, into a folder of the work folder, and looks at what came out. */
async function unpack(
  image: OpenedImage,
  { work }: BringJob,
  { limits, others }: Looked,
  into: string,
  paths: readonly string[],
): Promise<number> {
  work.remove(into);
  await unpackSquashfs(work.squashfs(image.name), into, paths, limits);
  return takeOver(into, others);
}

function readHosts(root: string, context: IceContext): readonly ImageHost[] {
  const read = readConfigFile(hostsFileOf(root), imageHostsSchema);
  if ('value' in read) return read.value.accounts;
  context.terminal.err(
    `its ${HOSTS_FILE} cannot be used (${printable(read.fault)}): hosts have their accounts' names\n`,
  );
  return [];
}

/** The account of a host, by its name or by the minion ID. */
function accountOf(host: string, accounts: ReadonlySet<string>, hosts: readonly ImageHost[]): string {
  const account = accounts.has(host) ? host : hosts.find(({ minion }) => minion === host)?.account;
  if (account !== undefined && accounts.has(account)) return account;
  const known = [...accounts]
    .slice(0, 5)
    .map((one) => hosts.find((row) => row.account === one)?.minion ?? one);
  refuse(
    'archive-host-unknown',
    { host: printable(host) },
    'the image holds no such host',
    'a host is named by its minion ID or its account',
    known.length === 0
      ? 'take another image'
      : `take one of those that it holds, as ${known.map((one) => printable(one)).join(', ')}`,
  );
}

/** Which account the host has that was asked for; nothing when none was. */
async function wantedAccount(
  image: OpenedImage,
  job: BringJob,
  looked: Looked,
  context: IceContext,
): Promise<string | undefined> {
  const accounts = new Set(looked.contents.accounts.keys());
  if (job.host === undefined) return job.pick?.([...accounts].sort());
  let hosts: readonly ImageHost[] = [];
  if (looked.contents.hosts) {
    await unpack(image, job, looked, job.work.names, [HOSTS_FILE]);
    hosts = readHosts(job.work.names, context);
  }
  return accountOf(job.host, accounts, hosts);
}

/** Unpacks what is wanted of an image, and adds it to the tree. Tells how many objects it healed. */
async function addToTree(
  image: OpenedImage,
  job: BringJob,
  looked: Looked,
  account: string | undefined,
  isFirst: boolean,
): Promise<number> {
  const { work } = job;
  const { contents } = looked;
  const wanted =
    account === undefined ? [...contents.accounts.values()] : [contents.accounts.get(account) ?? []].flat();
  const paths = account === undefined ? [] : [account, ...(isFirst && contents.hosts ? [HOSTS_FILE] : [])];
  // An older image may be from before the host.
  if (wanted.length === 0 && !isFirst) return 0;
  const sum = (of: 'files' | 'bytes'): number => wanted.reduce((all, one) => all + one[of], 0);
  needRoom(work, sum('bytes'), `what ${image.name} holds of it`);
  const files = await unpack(image, job, looked, work.unpacked, paths);
  const expected = sum('files') + (contents.hosts && (isFirst || account === undefined) ? 1 : 0);
  if (files !== expected)
    throw new ImageFault(`${count(files)} files were unpacked, and its list has ${count(expected)}`);
  point('unpacked');
  if (!isFirst) return addObjects(work.unpacked, work.tree);
  work.remove(work.tree);
  renameSync(work.unpacked, work.tree);
  return 0;
}

/**
 * Brings an archive back from the ice into the work folder: each image that is needed is fetched, put together, looked
 * at, unpacked and added to the tree. What an earlier run did of the same is not done again. Nothing where troubles
 * were told.
 */
export async function bringBack(job: BringJob, context: IceContext): Promise<Brought | undefined> {
  const { work, images, host, keep } = job;
  const [first] = images;
  // No minion ID and no account is called so.
  const treeOf: TreeOf = { image: first.name, host: host ?? (job.pick === undefined ? undefined : '?') };
  const state = work.stateOf(treeOf);
  let healed = 0;
  let isWhole = true;
  for (const image of images) {
    if (state.images.has(image.name)) continue;
    if (!(await fetchShown(image, job, context))) {
      isWhole = false;
      work.remove(work.squashfs(image.name));
      continue;
    }
    point('fetched');
    const looked = await look(image, job);
    if (image === first) state.account = await wantedAccount(image, job, looked, context);
    healed += await addToTree(image, job, looked, state.account, image === first);
    point('merged');
    state.images.add(image.name);
    // The last squashfs stays until all is over.
    const mayGo = !keep && image !== images.at(-1);
    work.note(treeOf, state, mayGo);
    point('noted');
    if (mayGo) work.remove(work.squashfs(image.name));
  }
  work.remove(work.unpacked);
  work.remove(work.names);
  return isWhole ? { tree: work.tree, account: state.account, healed, images: images.length } : undefined;
}
