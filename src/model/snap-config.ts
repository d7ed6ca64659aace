import * as z from 'zod';

/** The format number of the configuration that the states write for snap. */
export const SNAP_CONFIG_FORMAT = 1;

/** Where the states put it; root alone reads it. */
export const SNAP_CONFIG = '/etc/brinicle/snap.json';

const path = z.string().regex(/^\//, 'an absolute path');
const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

const hook = z.strictObject({
  /** A line for /bin/sh, run as root. */
  run: z.string().min(1),
  /** Whether the push goes on when the line ends with another code than 0. */
  on_failure: z.enum(['stop', 'go_on']),
  /** Seconds after which it is ended, which is a failure. */
  timeout: z.int().min(1),
});

/** A command that runs before or after a push. */
export type Hook = z.output<typeof hook>;

/** zod schema of snap's configuration. Paths and patterns are Unicode, as the policy has them. */
export const snapConfigSchema = z.strictObject({
  '//': z.string().optional(),
  format: z.literal(SNAP_CONFIG_FORMAT),
  account: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  server: z.strictObject({ address: z.string().min(1), port: z.int().min(1).max(65535) }),
  /** known_hosts with the pinned keys of the backup server. */
  known_hosts: path,
  /** Private half of the push key. */
  key: path,
  include: z.array(path).min(1),
  /** Patterns as in .gitignore, rooted at `/`. */
  exclude: z.array(z.string()),
  one_file_system: z.boolean(),
  seal: z.strictObject({
    /** Armored OpenPGP public keys; nothing is sealed without one. */
    recipients: z.array(z.string()),
    /** Patterns as in .gitignore of files that are encrypted before they leave. */
    patterns: z.array(z.string()),
  }),
  hooks: z.strictObject({ before: z.array(hook), after: z.array(hook) }),
  /** Most bytes of a pack. */
  pack_bytes: z.int().min(2 ** 23),
  /** Files larger than this are sent as changed blocks. */
  blocks_above: count,
  /** Most bytes a second on the wire; null for no cap. */
  bandwidth: z.int().min(1024).nullable(),
  nice: z.int().min(0).max(19),
  ionice: z.enum(['idle', 'best-effort', 'none']),
  /** Seconds to wait after the start of cron's minute, so that hosts of one minute spread. */
  second: z.int().min(0).max(59),
  /** How often a push is tried again after the server or the network failed it. */
  retries: z.int().min(0).max(20),
});

/** snap's configuration. */
export type SnapConfig = z.output<typeof snapConfigSchema>;
