import * as z from 'zod';

/** The format number that this program writes into fleet.lock.yaml. */
export const LOCK_FORMAT = 1;

const lockedHost = z.strictObject({
  account: z
    .string()
    .describe('Account on the backup server; once given it never moves and is never given again.'),
  uid: z.int().min(1).describe('Its uid, likewise.'),
  key: z.string().describe('The pinned push key.'),
  retired: z.literal(true).optional().describe('Set by brinicle retire: no pushes any more, history kept.'),
});

/** zod schema of fleet.lock.yaml. */
export const lockSchema = z.strictObject({
  format: z.literal(LOCK_FORMAT),
  server: z
    .strictObject({
      name: z.string(),
      host_keys: z.array(z.string()).describe('Pinned SSH host keys of the backup server.'),
    })
    .optional(),
  hosts: z.record(z.string(), lockedHost),
});

/** A host as the lock holds it. */
export interface LockedHost {
  account: string;
  /** uid, and gid, of the account. */
  uid: number;
  /** `TYPE BASE64`, as pinned. */
  key: string;
  retired: boolean;
}

/** fleet.lock.yaml: what was given once and must not move. Hosts by minion ID. */
export interface Lock {
  server?: { name: string; hostKeys: string[] };
  hosts: ReadonlyMap<string, LockedHost>;
}

/** The lock before the first compile. */
export const EMPTY_LOCK: Lock = { hosts: new Map() };
