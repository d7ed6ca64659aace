import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Reading } from '../../../ice/patient-read.ts';
import { DecryptFault, ImageFault } from '../../../ice/ports.ts';
import { isErrno } from '../../../io/errno.ts';
import { loadPolicy } from '../../../io/read-inputs.ts';
import { readStoreName, type StoreLocation, storeLocationSchema } from '../../../model/ice/store-location.ts';
import type { Policy } from '../../../model/policy.ts';
import { error, type Problem, printable } from '../../../model/problem.ts';
import { StoreFault } from '../../../offsite/ports.ts';
import type { IceContext } from '../../ice-context.ts';
import { Interrupted, interruptible } from '../../interruptible.ts';
import { EXIT, type ExitCode, printProblems } from '../../terminal.ts';
import { WrongUsage } from '../../wrong-usage.ts';
import { problemOf, Refused, refuse } from '../archive/archive-options.ts';

/** Options that say where the ice is. */
export interface StoreOptions {
  store?: string;
  region?: string;
  endpoint?: string;
  credentials?: string;
  dir?: string;
  json?: boolean;
}

/** Adds the options that say where the ice is. */
export function withStore(command: Command): Command {
  return command
    .option('--store <place>', 'where the ice is: gs://BUCKET/PREFIX, s3://BUCKET/PREFIX, or a folder')
    .option('--region <region>', 'with s3://: the region of the bucket')
    .option('--endpoint <url>', 'another address than the own one of the store')
    .option('--credentials <file>', 'key file of an account that may list and read the bucket')
    .option('-C, --dir <folder>', 'folder of a brinicle.yaml, whose policy says where the ice is');
}

/** A policy, and the armored keys that it encrypts images to. */
export interface NamedPolicy {
  policy: Policy;
  recipients: readonly string[];
}

/** The policy that the options name, if they name one. */
export async function policyOf({ dir }: StoreOptions, context: IceContext): Promise<NamedPolicy | undefined> {
  if (dir === undefined) return undefined;
  const { policy, recipients, problems } = await loadPolicy(join(dir, 'brinicle.yaml'), context.files);
  const [first] = problems.filter(({ severity }) => severity === 'error');
  if (first !== undefined) throw new Refused(first);
  if (policy === undefined) throw new WrongUsage(`${join(dir, 'brinicle.yaml')} cannot be read`);
  return { policy, recipients: recipients?.ice ?? [] };
}

/** The store that the options name, or the policy's. */
function namedLocation(options: StoreOptions, named: NamedPolicy | undefined): StoreLocation {
  const { store, region } = options;
  if (store === undefined) {
    const offsite = named?.policy.offsite;
    if (offsite === undefined)
      throw new WrongUsage('say where the ice is: --store PLACE, or -C FOLDER with a policy');
    if (offsite === 'none') throw new WrongUsage('the policy says offsite: none');
    return offsite.store;
  }
  const place = /^(?:gs|s3):/.test(store) ? store : resolve(store);
  const read = readStoreName(place, region);
  if ('location' in read) return read.location;
  throw new WrongUsage(
    `--store ${printable(store)}: ${read.fault}${region === undefined && store.startsWith('s3:') ? ': --region REGION' : ''}`,
  );
}

/** Where the options say that the ice is. The policy's credentials are those of the backup server, and not taken. */
export function locationOf(options: StoreOptions, named: NamedPolicy | undefined): StoreLocation {
  const location = namedLocation(options, named);
  if (location.kind === 'folder') return location;
  const { credentials: _, ...place } = location;
  const parsed = storeLocationSchema.safeParse({
    ...place,
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.credentials === undefined ? {} : { credentials: resolve(options.credentials) }),
  });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new WrongUsage(`--${issue?.path.map(String).join('.')}: ${issue?.message}`);
}

/** Opens the store that the options mean. */
export async function openStore(
  options: StoreOptions,
  context: IceContext,
  signal: AbortSignal,
  named?: NamedPolicy,
): Promise<Reading> {
  const policy = named ?? (options.store === undefined ? await policyOf(options, context) : undefined);
  const reader = await context.openReader(locationOf(options, policy));
  return { reader, signal, clock: { now: () => context.now().at, sleep: context.sleep } };
}

const STORE_FIX: Record<StoreFault['kind'], string> = {
  again: 'look at the network, and run the same again: what was fetched is kept',
  refused:
    'give credentials that may list and read the bucket, by --credentials, and see whether they have ended',
  absent:
    'see whether bucket and prefix are spelled right, and whether the credentials are of the right project',
  damaged: 'run it again',
  taken: 'run it again',
  final: 'see docs/stores.md',
};

/** What a person is told of what ended a command; what no person can mend is thrown on. */
export function iceProblem(thrown: unknown): Problem {
  if (thrown instanceof StoreFault)
    return error(
      'ice-unreachable',
      {},
      printable(thrown.message),
      'what the store does not give cannot be looked at',
      STORE_FIX[thrown.kind],
    );
  if (thrown instanceof ImageFault)
    return error(
      'ice-refused',
      {},
      thrown.message,
      'who took the backup server could have made it, so nothing of it is used',
      'take an older image: brinicle ice list, then --image NAME',
    );
  if (thrown instanceof DecryptFault)
    return error(
      'ice-key',
      {},
      thrown.message,
      'parts are opened by it alone',
      'install GnuPG (gpg), and see that gpg --list-secret-keys works',
    );
  if (thrown instanceof Interrupted)
    return error(
      'ice-interrupted',
      {},
      `it was stopped by ${thrown.message}`,
      'it was not at its end',
      'run the same again: what was fetched and found right is kept',
    );
  if (isErrno(thrown) && thrown.code !== 'EPIPE')
    return error(
      'ice-work',
      {},
      printable(thrown.message, 4096),
      'what is fetched is put together on this disk',
      'make room or name another place by --work, and run the same again: what is there is kept',
    );
  return problemOf(thrown);
}

/** Runs a command for the ice, and tells what ended it early. */
export async function onIce(
  context: IceContext,
  run: (signal: AbortSignal) => Promise<ExitCode>,
): Promise<ExitCode> {
  return interruptible(async (signal) => {
    try {
      return await run(signal);
    } catch (thrown) {
      if (thrown instanceof WrongUsage) {
        context.terminal.err(`error: ${thrown.message}\n`);
        return EXIT.usage;
      }
      printProblems(context.terminal, [iceProblem(signal.aborted ? signal.reason : thrown)]);
      return EXIT.problems;
    }
  });
}

/** Ends a command: a store has more objects than are gone through. */
export function refuseTooMany(): never {
  refuse(
    'too-many',
    {},
    'the store has more than three million objects',
    'so many names do not fit into memory',
    'name one image: --image NAME; and look who uploads what is no image',
  );
}
