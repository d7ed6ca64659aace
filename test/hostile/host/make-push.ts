/** Runs on a host that is taken over: writes files of pushes into the folder it is in, as its order on stdin says. */
import {
  closeSync,
  existsSync,
  openSync,
  readFileSync,
  renameSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { MAX_COMMIT, packName } from '../../../src/model/pack/names.ts';
import {
  addCommitFile,
  addFilesAndCommit,
  addMembers,
  beginDraft,
  cutIntoPacks,
  type Draft,
  type PushedFile,
} from '../packs/draft.ts';
import { Random } from '../packs/random.ts';
import { makeTree, sha256, type Tree } from '../packs/tree.ts';
import type { Order } from './order.ts';

const order = JSON.parse(readFileSync(0, 'utf8')) as Order;
const random = new Random(order.seed);

function draftOf(tree: Tree, spoil: (draft: Draft) => void = () => undefined): Draft {
  const draft = beginDraft(random, tree, undefined, 'c'.repeat(32));
  addMembers(random, draft);
  spoil(draft);
  // One pack of all, or hundreds of tiny ones would be too many to begin with.
  if (draft.members.length > 1000) draft.packs.push(draft.members);
  else cutIntoPacks(random, draft);
  addFilesAndCommit(draft);
  draft.commitText = JSON.stringify(draft.commit);
  addCommitFile(draft);
  return draft;
}

/** One file below the root, of so many random bytes. */
function treeOfOne(bytes: number): Tree {
  const own = { mode: 0o644, uid: 0, gid: 0, uname: '', gname: '', attributes: [] };
  const time = { seconds: 1, nanoseconds: 0 };
  const content = random.bytes(bytes);
  const object = sha256(content);
  return {
    entries: new Map([
      ['.', { kind: 'folder', path: '.', ...own, time }],
      ['./one', { kind: 'file', path: './one', ...own, time, size: bytes, object, sealed: false }],
    ]),
    contents: new Map([[object, content]]),
  };
}

function write(files: readonly PushedFile[]): void {
  for (const { name, bytes } of files) {
    writeFileSync(`${name}.part`, bytes);
    renameSync(`${name}.part`, name);
  }
}

/**
 * Makes pushes, and goes on to write into their packs through handles that it keeps: noise, and for every other push
 * the right bytes again at once. Ends when a file `stop` is there.
 */
function writeOn(pushes: number): void {
  const kept = Array.from({ length: pushes }, (_, at) => {
    const { files } = draftOf(treeOfOne(300_000));
    write(files);
    return files
      .filter(({ name }) => name.endsWith('.pack'))
      .map(({ name, bytes }) => ({ bytes, descriptor: openSync(name, 'r+'), heals: at % 2 === 0 }));
  }).flat();
  const noise = random.bytes(64);
  for (let turn = 0; turn % 100 !== 0 || !existsSync('stop'); turn++) {
    const { bytes, descriptor, heals } = random.pick(kept);
    const at = random.below(bytes.length - noise.length);
    writeSync(descriptor, noise, 0, noise.length, at);
    if (heals) writeSync(descriptor, bytes, at, noise.length, at);
  }
  for (const { descriptor } of kept) closeSync(descriptor);
}

const KINDS: Record<Order['kind'], () => string | undefined> = {
  clean: () => {
    const { push, files } = draftOf(makeTree(random));
    write(files);
    return push;
  },
  'tiny members': () => {
    const { push, files } = draftOf(makeTree(random), (draft) => {
      for (let at = 0; at < order.count; at++)
        draft.members.push({ name: `data/${100_000 + at}`, content: Buffer.from(String(at % 20_000)) });
    });
    write(files);
    return push;
  },
  'large commit': () => {
    const push = random.hex(32);
    const commit = `{"push":"${push}","x":"`;
    write([
      { name: `${push}.commit`, bytes: Buffer.from(`${commit.padEnd(MAX_COMMIT + order.count - 2, 'x')}"}`) },
    ]);
    return push;
  },
  'sparse pack': () => {
    const push = random.hex(32);
    const name = packName(push, 0);
    writeFileSync(name, '');
    truncateSync(name, order.count);
    return push;
  },
  'strange names': () => {
    for (let at = 0; at < order.count; at++) {
      // Any bytes but those that no name can have.
      const noise = random.bytes(244).map((byte) => (byte === 0 || byte === 0x2f ? 0xff : byte));
      closeSync(openSync(Buffer.concat([Buffer.from(String(at).padEnd(6, '_')), noise]), 'w'));
    }
    return undefined;
  },
  'writes on': () => {
    writeOn(order.count);
    return undefined;
  },
};

process.stdout.write(`${KINDS[order.kind]() ?? ''}\n`);
