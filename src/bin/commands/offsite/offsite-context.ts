import { randomBytes } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { diskReserve } from '../../../io/disk-reserve.ts';
import { openStore } from '../../../io/ice/open-store.ts';
import { recipientFacts } from '../../../io/openpgp-recipient.ts';
import { privateKeysHere } from '../../../io/private-key-here.ts';
import { versionName } from '../../../model/archive/version.ts';
import { storeName } from '../../../model/ice/store-location.ts';
import type { OffsiteConfig } from '../../../model/offsite-config.ts';
import { error, type Problem, printable } from '../../../model/problem.ts';
import type { RecipientFacts } from '../../../model/recipient.ts';
import { checkRecipients } from '../../../offsite/check-recipients.ts';
import { checkStore } from '../../../offsite/check-store.ts';
import { type Patience, tryPatiently } from '../../../offsite/patience.ts';
import { type IceStore, ImageFault, type StoreFacts, StoreFault } from '../../../offsite/ports.ts';
import type { OffsiteOrder } from '../../../offsite/run-offsite.ts';
import { VERSION } from '../../version.ts';

/** Options of all commands of offsite. */
export interface OffsiteOptions {
  config: string;
  cron?: boolean;
  json?: boolean;
}

/** What is opened while the program still has all its rights: credentials, and a look at keyrings. */
export interface OpenedOffsite {
  config: OffsiteConfig;
  store: IceStore;
  recipients: RecipientFacts[];
  /** Where on this machine a private key was found. */
  privateKeys: string[];
}

/** Seconds of patience with a store while somebody waits for the answer. */
export const SHORT_PATIENCE = 30;

const fingerprintsOf = (recipients: readonly RecipientFacts[]): string[] =>
  recipients.flatMap((one) => (one.kind === 'public' ? one.fingerprint : []));

/** Opens the store and looks at keys. Throws {@link StoreFault} for a credential that cannot be used. */
export async function openOffsite(config: OffsiteConfig): Promise<OpenedOffsite> {
  const recipients = await Promise.all(config.recipients.map(recipientFacts));
  const privateKeys = privateKeysHere(fingerprintsOf(recipients));
  return { config, store: await openStore(config.store), recipients, privateKeys };
}

/** Patience by this machine's clock. */
export function patienceOf(seconds: number): Patience {
  return {
    seconds,
    sleep: (wait, signal) => sleep(wait * 1000, undefined, { signal }),
    now: () => performance.now() / 1000,
    random: Math.random,
  };
}

/**
 * All that is to be so before a byte is sent; the problems are empty when all is well. Throws {@link StoreFault}.
 *
 * @param seconds of patience with a store that does not answer
 */
export async function checkAll(
  { config, store, recipients, privateKeys }: OpenedOffsite,
  now: number,
  file: string,
  signal: AbortSignal,
  seconds: number,
): Promise<Problem[]> {
  const examining = (): Promise<StoreFacts> => store.examine(signal);
  const facts = await tryPatiently(examining, ['again'], patienceOf(seconds), signal, () => undefined);
  const day = new Date(now * 1000).toISOString().slice(0, 10);
  const { retention_days, warn_only } = config;
  return [
    ...checkRecipients(recipients, day, privateKeys, file),
    ...checkStore(config.store, facts, { retention_days, warn_only }),
  ];
}

/** What a run at a moment goes by. */
export function orderOf({ config, recipients }: OpenedOffsite, now: number): OffsiteOrder {
  return {
    now,
    partBytes: config.part_bytes,
    recipients: fingerprintsOf(recipients),
    caps: {
      memoryBytes: config.memory_bytes,
      processors: config.processors ?? Math.max(1, Math.floor(availableParallelism() / 2)),
      reserveBytes: diskReserve(config.archive),
    },
    giveUpDays: config.give_up_days,
    fullEvery: config.full_every,
    program: VERSION,
    newName: `${versionName(Math.floor(now))}-${randomBytes(4).toString('hex')}`,
  };
}

/** What a person is told of what ended a command; a fault of ours is thrown on. */
export function offsiteProblem(thrown: unknown, config: OffsiteConfig): Problem {
  if (thrown instanceof StoreFault)
    return error(
      'ice-store',
      {},
      `${storeName(config.store)}: ${printable(thrown.message, 1000)}`,
      'no image is complete until the store has all of it; what is there stays, and the next run goes on after it',
      thrown.kind === 'again'
        ? 'see whether the store and the network are well; cron tries again'
        : 'see whether bucket and credentials file are those of the policy, and there; docs/stores.md says what both need',
    );
  if (thrown instanceof ImageFault)
    return error(
      'ice-image',
      {},
      printable(thrown.message, 2000),
      'there is no new image, and versions that are not on ice are not pruned',
      'mend what it says, and run brinicle-offsite by hand',
    );
  throw thrown;
}
