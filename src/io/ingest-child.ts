import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { type IngestOrder, ingestEventSchema } from '../model/ingest-job.ts';
import { printable } from '../model/problem.ts';
import type { IngestEvent } from '../rotate/ports.ts';

/** The unprivileged user that an ingest runs as. */
export interface IngestUser {
  uid: number;
  gid: number;
}

/** How an ingest is started. */
export interface IngestProgram {
  node: string;
  /** The bundle, which knows its part by `--ingest`. */
  program: string;
  user: IngestUser;
  archive: string;
  jails: string;
}

/** Bytes that an ingest may say. */
const MOST_SAID = 8 * 2 ** 20;

/** Seconds after which an ingest is ended: its host's packs wait then, and no other host does. */
const PATIENCE = 6 * 3600;

/**
 * In namespaces of its own: of the archive it sees its host's folder alone, no jail, no network, no other process.
 * The folder is carried over the jails' place, because the archive's own is covered before it is put there again.
 */
const SANDBOX = `
set -eu
archive=$1 jails=$2 account=$3 uid=$4 gid=$5 node=$6 program=$7
mount --bind "$archive/$account" "$jails"
mount -t tmpfs -o size=64k,mode=0755,nosuid,nodev,noexec brinicle "$archive"
mkdir "$archive/$account"
mount --move "$jails" "$archive/$account"
mount -o remount,bind,nosuid,nodev,noexec "$archive/$account"
mount -t tmpfs -o size=64k,mode=0700,nosuid,nodev,noexec,ro brinicle "$jails"
mount -t tmpfs -o size=1m,mode=1777,nosuid,nodev,noexec brinicle /tmp
mount -t proc -o nosuid,nodev,noexec proc /proc
cd "$archive/$account"
exec setpriv --reuid "$uid" --regid "$gid" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \\
  "$node" --max-old-space-size=256 "$program" --ingest
`;

/** Why an ingest did not come to its end. */
export class IngestFault extends Error {}

async function heard(
  output: Readable,
  tell: (event: IngestEvent) => void,
): Promise<Extract<IngestEvent, { kind: 'end' }> | undefined> {
  let said = 0;
  let end: Extract<IngestEvent, { kind: 'end' }> | undefined;
  for await (const line of createInterface({ input: output, crlfDelay: Number.POSITIVE_INFINITY })) {
    said += line.length;
    if (said > MOST_SAID) throw new IngestFault('it says more than an ingest has to say');
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch {
      throw new IngestFault('it says what is not JSON');
    }
    const event = ingestEventSchema.safeParse(value);
    if (!event.success) throw new IngestFault('it says what no ingest says');
    if (event.data.kind === 'end') end = event.data;
    else tell(event.data);
  }
  return end;
}

/**
 * Runs the ingest of one host over files that are open, and tells what it says as it says it. Answers with its end;
 * throws {@link IngestFault} when it did not come to one.
 */
export async function runIngest(
  how: IngestProgram,
  order: IngestOrder,
  descriptors: readonly number[],
  tell: (event: IngestEvent) => void,
  faultPoint?: string,
): Promise<Extract<IngestEvent, { kind: 'end' }>> {
  const { user, node, program } = how;
  const child = spawn(
    'setpriv',
    [
      // It must not go on with files that another broker gives to another ingest, when this broker is killed.
      ...['--pdeathsig', 'KILL', '--', 'unshare'],
      ...[
        '--mount',
        '--net',
        '--ipc',
        '--uts',
        '--pid',
        '--fork',
        '--kill-child',
        '--propagation',
        'private',
      ],
      ...['/bin/sh', '-c', SANDBOX, 'ingest', how.archive, how.jails, order.account],
      ...[String(user.uid), String(user.gid), node, program],
    ],
    {
      cwd: '/',
      env: {
        PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
        LC_ALL: 'C',
        TZ: 'UTC',
        ...(faultPoint === undefined ? {} : { BRINICLE_FAULT_POINT: faultPoint }),
      },
      stdio: ['pipe', 'pipe', 'pipe', ...descriptors],
    },
  );
  const [input, output, errors] = [child.stdin, child.stdout, child.stderr];
  if (input === null || output === null || errors === null) throw new IngestFault('it has no pipes');
  let complained = '';
  if (faultPoint === '?') errors.pipe(process.stderr);
  errors.on('data', (piece: Buffer) => {
    if (complained.length < 4000) complained += piece.toString('utf8');
  });
  // It may end before it has read everything.
  input.on('error', () => undefined);
  input.end(`${JSON.stringify(order)}\n`);
  const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE * 1000);
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  try {
    const end = await heard(output, tell);
    const { code, signal } = await ended;
    if (code === 0 && end !== undefined) return end;
    const why = printable(complained.trim(), 1500) || `it ended with ${code ?? signal}`;
    throw new IngestFault(why);
  } finally {
    clearTimeout(late);
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }
}
