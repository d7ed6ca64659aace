import * as z from 'zod';

/** The format number of the configuration that the states write for the backup server. */
export const ROTATE_CONFIG_FORMAT = 1;

/** Where the states put it. */
export const ROTATE_CONFIG = '/etc/brinicle/rotate.json';

const path = z.string().regex(/^\/[^\0]*$/, 'an absolute path');
const count = z.int().min(0).max(Number.MAX_SAFE_INTEGER);

const limits = z.strictObject({
  /** Bytes that a host's archive may hold. */
  bytes: count,
  /** Objects that it may hold. */
  objects: count,
  /** Entries that one manifest may have. */
  entries: count,
});

/** What a host's archive may hold. */
export type ArchiveLimits = z.output<typeof limits>;

/** zod schema of the backup server's configuration, which rotate and the commands for the archive read. */
export const rotateConfigSchema = z.strictObject({
  '//': z.string().optional(),
  format: z.literal(ROTATE_CONFIG_FORMAT),
  archive: path,
  jails: path,
  /** The table of accounts, as the compiler emits it: {@link hostTableSchema}. */
  hosts: path,
  /** The unprivileged user that owns the archive. */
  user: z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/),
  limits,
  /** Versions that a host may make a day; later pushes wait. */
  versions_a_day: z.int().min(1),
  retention: z.strictObject({
    all_days: z.int().min(1),
    daily_days: z.int().min(1),
    weekly_weeks: z.int().min(1),
    monthly_months: z.int().min(1),
  }),
  /** Whether a version may be removed only once it is on ice. */
  wait_for_ice: z.boolean(),
  /** Days without a push after which a host is stale, and its versions are pinned. */
  stale_days: z.int().min(1),
  /** Days for which refused packs and damaged objects are kept aside. */
  keep_refused_days: z.int().min(0),
  /** Days after which an unfinished push is given up. */
  abandon_days: z.int().min(1),
});

/** The backup server's configuration. */
export type RotateConfig = z.output<typeof rotateConfigSchema>;

/** zod schema of the table of accounts: one row a host, also of hosts that push no more. */
export const hostTableSchema = z.object({
  format: z.literal(1),
  jails: path,
  accounts: z.array(
    z.object({
      account: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
      /** Minion ID. */
      minion: z.string(),
      uid: z.int().min(1),
      shut_out: z.boolean(),
      /** What differs from the configuration's limits. */
      limits: limits.partial().optional(),
    }),
  ),
});

/** A row of the table of accounts. */
export type HostRow = z.output<typeof hostTableSchema>['accounts'][number];

/** What commands need of a host. */
export type KnownHost = Pick<HostRow, 'account' | 'minion' | 'limits'>;

/** What a host's archive may hold: the configuration's limits, unless its row says otherwise. */
export function limitsOf(config: RotateConfig, host: Pick<HostRow, 'limits'> | undefined): ArchiveLimits {
  const own = Object.entries(host?.limits ?? {}).filter(([, value]) => value !== undefined);
  return { ...config.limits, ...Object.fromEntries(own) };
}
