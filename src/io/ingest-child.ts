import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import type * as z from 'zod';
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
const MOST_SAID = 2 * 2 ** 20;

/** Seconds after which an ingest is ended: its host's packs wait then, and no other host does. */
const PATIENCE = 2 * 3600;

/**
 * In namespaces of its own, and in a root of its own: programs and libraries, the host's folder of the archive, and
 * nothing else that could be read or written. No jail, no network, no other process. The shell stays the first process,
 * root and out of the ingest's reach: when it is ended, all that the ingest may have started ends with it.
 */
const SANDBOX = `
set -eu
umask 022
archive=$1 jails=$2 account=$3 uid=$4 gid=$5 node=$6 program=$7
mount -t tmpfs -o size=1m,mode=0755,nosuid,nodev brinicle "$jails"
cd "$jails"
show() {
  if [ -d "$1" ]; then mkdir -p ".$1"; else mkdir -p ".\${1%/*}"; : > ".$1"; fi
  mount --rbind "$1" ".$1"
  mount -o "remount,bind,$2" ".$1"
}
show /usr ro,nosuid,nodev
for folder in bin sbin lib lib32 lib64 libx32; do
  if [ -L "/$folder" ]; then ln -s "$(readlink "/$folder")" "$folder"
  elif [ -d "/$folder" ]; then show "/$folder" ro,nosuid,nodev; fi
done
if [ -e /etc/ld.so.cache ]; then show /etc/ld.so.cache ro,nosuid,nodev,noexec; fi
for device in null zero random urandom; do show "/dev/$device" nosuid,noexec; done
case "$node" in /usr/*) ;; *) show "$node" ro,nosuid,nodev ;; esac
case "$program" in /usr/*) ;; *) show "$program" ro,nosuid,nodev,noexec ;; esac
show "$archive/$account" nosuid,nodev,noexec
mkdir proc tmp
mount -t proc -o nosuid,nodev,noexec proc proc
mount -t tmpfs -o size=1m,mode=1777,nosuid,nodev,noexec brinicle tmp
mount -o remount,bind,ro,nosuid,nodev .
pivot_root . .
umount -l .
cd "$archive/$account"
setpriv --reuid "$uid" --regid "$gid" --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all \
  prlimit --core=0 --nofile=4096 --nproc=4096 --data=4294967296 \
  "$node" --max-old-space-size=256 --max-semi-space-size=4 "$program" --ingest
`;

/** Why an ingest did not come to its end. */
export class IngestFault extends Error {}

/** What a line of an ingest says. Throws {@link IngestFault} where no ingest says that. */
function eventOf(line: string): z.output<typeof ingestEventSchema> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new IngestFault('it says what is not JSON');
  }
  const event = ingestEventSchema.safeParse(value);
  if (!event.success) throw new IngestFault('it says what no ingest says');
  return event.data;
}

/** Hears an ingest to its end. What it says is cut by lines here: a line without an end must not fill root's memory. */
async function heard(
  output: Readable,
  tell: (event: IngestEvent) => void,
): Promise<Extract<IngestEvent, { kind: 'end' }> | undefined> {
  let said = 0;
  let begun = '';
  let end: Extract<IngestEvent, { kind: 'end' }> | undefined;
  output.setEncoding('utf8');
  for await (const piece of output) {
    const text = String(piece);
    said += text.length;
    if (said > MOST_SAID) throw new IngestFault('it says more than an ingest has to say');
    const lines = (begun + text).split('\n');
    begun = lines.pop() ?? '';
    for (const line of lines) {
      const event = eventOf(line);
      if (event.kind === 'end') end = event;
      else tell(event);
    }
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
  // Before anything is thrown: an error that nobody listens for would end the whole run.
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.once('error', (thrown) => reject(new IngestFault(thrown.message)));
    child.once('close', (code, signal) => resolve({ code, signal }));
  });
  ended.catch(() => undefined);
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
  try {
    const end = await heard(output, tell);
    const { code, signal } = await ended;
    if (code === 0 && end !== undefined) return end;
    const why = printable(complained.trim(), 1500) || `it ended with ${code ?? signal}`;
    throw new IngestFault(why);
  } finally {
    clearTimeout(late);
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    // What it still says is nobody's, and must not keep its end from being seen.
    output.destroy();
    errors.destroy();
    await ended.catch(() => undefined);
  }
}
