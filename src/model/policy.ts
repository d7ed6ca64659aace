import * as z from 'zod';
import { globMatcher } from './glob.ts';
import { minionIdFault } from './minion-id.ts';
import { offsiteSchema, recipientList } from './offsite-policy.ts';
import { archiveLimitsSchema, hostPushKeys, ownArchiveLimitsSchema, pushSchema } from './push-policy.ts';
import { sizeSchema, UNIT } from './size.ts';
import type { UidRange } from './uid-range.ts';

/** Paths that states write to: plain, absolute, and safe in a shell line, an sshd_config and a unit file. */
const plainPath = z
  .string()
  .max(200)
  .regex(/^(\/[A-Za-z0-9_][A-Za-z0-9._-]*)+$/, 'an absolute path of letters, digits, ".", "_" and "-"');

/** Paths on a host that are backed up: any characters but control characters, absolute. */
const hostPath = z
  .string()
  .max(4096)
  .regex(/^\/[^\p{C}]*$/u, 'an absolute path without control characters')
  .refine((path) => !path.split('/').includes('..'), 'a path without ".."');

const pattern = z
  .string()
  .min(1)
  .max(4096)
  .regex(/^[^\p{C}]+$/u, 'a pattern without control characters');

const HOSTNAME = /^[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?$/;

const hostname = z.string().max(253).regex(HOSTNAME, 'a host name or an IP address');

const minionName = z.string().refine((name) => minionIdFault(name) === undefined, {
  error: ({ input }) => `no minion ID: ${minionIdFault(String(input)) ?? ''}`,
});

/** True when hosts could reach a machine under this text. */
export function isHostname(text: string): boolean {
  return text.length <= 253 && HOSTNAME.test(text);
}

const matchList = z.union([pattern, z.array(pattern).min(1)]).transform((given) => [given].flat());

const saltName = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$/, 'letters, digits, "_", "-" and "."');

const quotaAmounts = {
  bytes: sizeSchema.default(50 * UNIT.GiB).describe('Bytes one host may hold in its inbox.'),
  inodes: z.int().min(100).default(100_000).describe('Files one host may hold in its inbox.'),
};

const serverSchema = z.strictObject({
  name: minionName.describe('Minion ID of the backup server. Needed: no default can be right.'),
  address: hostname.optional().describe('Name or address at which hosts reach it. Default: its minion ID.'),
  port: z.int().min(1).max(65535).default(22).describe('Port of its sshd.'),
  host_keys: z
    .array(z.string())
    .default([])
    .describe(
      'Its SSH host public keys, one line each. Default: those in host-keys.json, pinned in the lock.',
    ),
  jails: plainPath.default('/srv/brinicle/jails').describe("Folder of the hosts' chroot jails."),
  archive: plainPath.default('/srv/brinicle/archive').describe('Folder of the archive, outside every jail.'),
  quota: z
    .strictObject({
      kind: z
        .enum(['none', 'ext4', 'xfs', 'btrfs'])
        .default('none')
        .describe(
          'How the kernel limits a host: uid quota of ext4 or xfs, a btrfs qgroup, or not at all (a standing warning).',
        ),
      ...quotaAmounts,
    })
    .prefault({})
    .describe('What the kernel lets one host take.'),
  limits: z
    .strictObject({
      file_size: sizeSchema
        .default(2 * UNIT.GiB)
        .describe('Largest file a host may write (RLIMIT_FSIZE); over 16MiB more than push.pack_size.'),
      open_files: z
        .int()
        .min(16)
        .max(4096)
        .default(64)
        .describe('Open files of one session (RLIMIT_NOFILE).'),
      processes: z.int().min(4).max(256).default(6).describe('Processes of one account (RLIMIT_NPROC).'),
    })
    .prefault({})
    .describe('limits.d for the accounts of hosts.'),
  manage_cron: z.boolean().default(true).describe('Install cron and keep it running on the backup server.'),
  rotate_minutes: z.int().min(1).max(30).default(5).describe('Minutes between two runs of rotate.'),
  archive_limits: archiveLimitsSchema
    .prefault({})
    .describe(
      'What the archive of one host may hold; at a limit new pushes are refused, and no version removed.',
    ),
  versions_a_day: z
    .int()
    .min(1)
    .max(1440)
    .default(24)
    .describe('Versions that one host may make a day; later pushes wait.'),
  stale_days: z
    .int()
    .min(1)
    .default(14)
    .describe(
      'Days without a push after which a host is stale: that is told, and its versions are all kept.',
    ),
  keep_refused_days: z
    .int()
    .min(0)
    .default(7)
    .describe('Days for which refused packs and damaged objects are kept aside, for you to look at.'),
  verify_days: z
    .union([z.literal('none'), z.int().min(1).max(365)])
    .default(28)
    .describe(
      'Days in which every object of the archive is read and compared with its name, a share of them each day; none reads none.',
    ),
  drill_day: z
    .union([z.literal('none'), z.int().min(1).max(28)])
    .default(8)
    .describe(
      'Day of the month on which some files, drawn by chance, are restored for a look and compared; none restores none.',
    ),
  abandon_days: z
    .int()
    .min(1)
    .default(7)
    .describe('Days after which a push that nobody finishes is given up and its packs are removed.'),
});

const nodeSchema = z
  .discriminatedUnion('from', [
    z.strictObject({
      from: z.literal('package').describe("The distribution's own package."),
      package: saltName.default('nodejs').describe('Name of the package.'),
      path: plainPath.default('/usr/bin/node').describe('Where the package puts node.'),
    }),
    z.strictObject({
      from: z.literal('path').describe('Installed by other means.'),
      path: plainPath.describe('Where node is.'),
    }),
    z.strictObject({
      from: z.literal('archive').describe("An archive in your file_roots, as nodejs.org's tar.xz."),
      source: z
        .string()
        .regex(/^salt:\/\/[A-Za-z0-9._/-]+$/, 'a salt:// URL')
        .describe('The archive, as salt:// URL.'),
      sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/, 'a SHA-256 in lower-case hex')
        .describe('Its SHA-256.'),
      into: plainPath.default('/opt/brinicle/node').describe('Where it is unpacked.'),
    }),
  ])
  .prefault({ from: 'package' });

const uidRange = z.tuple([z.int().min(1), z.int().min(1)]);

const hostRuleSchema = z.strictObject({
  match: matchList.optional().describe('Minion IDs as Salt globs (*, ?, [a-z]); one or a list.'),
  role: matchList.optional().describe('Roles from the roles file; an entry with match and role needs both.'),
  include: z.array(hostPath).min(1).default(['/']).describe('Folders that are backed up.'),
  ...hostPushKeys,
  quota: z
    .strictObject({
      bytes: sizeSchema.optional().describe('Bytes one of these hosts may hold.'),
      inodes: z.int().min(100).optional().describe('Files one of these hosts may hold.'),
    })
    .optional()
    .describe("Other amounts than server.quota's for these hosts."),
  archive_limits: ownArchiveLimitsSchema
    .optional()
    .describe("Other limits than server.archive_limits' for these hosts."),
});

const skipEntry = pattern;

/** zod schema of brinicle.yaml. Every key has a default but `server.name`, `offsite.recipient` and `offsite.store`. */
export const policySchema = z.strictObject({
  server: serverSchema.describe('The backup server.'),
  offsite: z
    .union([z.literal('none'), offsiteSchema])
    .describe(
      'Where the encrypted archive goes; "none", said in as many words, keeps it on the backup server.',
    ),
  hosts: z
    .array(
      hostRuleSchema.refine(
        (rule) => rule.match !== undefined || rule.role !== undefined,
        'an entry needs match: or role:',
      ),
    )
    .min(1)
    .prefault([{ match: ['*'] }])
    .describe('What is backed up of which host; the first entry that matches wins.'),
  push: pushSchema.prefault({}).describe('How hosts push.'),
  seal: z
    .strictObject({
      recipient: recipientList
        .optional()
        .describe(
          "OpenPGP public key that hosts' secrets are sealed to, as offsite.recipient, which is the default.",
        ),
    })
    .prefault({})
    .describe('To whom the files that hosts[].seal matches are encrypted before they leave a host.'),
  skip: z.array(skipEntry).default([]).describe('Minion IDs (globs) that are never backed up.'),
  accounts: z
    .enum(['states', 'bulk'])
    .default('states')
    .describe(
      'How accounts are made: Salt states of one host each, or sysusers.d and tmpfiles.d for all at once (hundreds of hosts and more).',
    ),
  uid_range: uidRange
    .default([20_000, 59_999])
    .describe("First and last uid for hosts' accounts on the backup server."),
  former_uid_ranges: z
    .array(uidRange)
    .default([])
    .describe('Ranges that uid_range once was: hosts of the lock keep their uids there.'),
  saltenv: saltName.default('base').describe('Salt environment of the emitted states.'),
  salt: z
    .strictObject({
      output: plainPath
        .default('/srv/brinicle/out')
        .describe('Where the compiled output lies on the Salt master.'),
      top: z
        .enum(['lines', 'master_tops'])
        .default('lines')
        .describe(
          'How minions get the states: lines that you add to your top file, or a master_tops module.',
        ),
      master: minionName.optional().describe("The Salt master's own minion ID, if it has one."),
      mine_alias: saltName
        .optional()
        .describe('Publish push keys in the mine under this name instead of ssh.user_keys.'),
    })
    .prefault({})
    .describe('How the output meets your Salt.'),
  node: nodeSchema.describe('Where hosts and the backup server get Node.js 18 or later from.'),
  push_key: z
    .strictObject({
      use: z
        .enum(['dedicated', 'root'])
        .default('dedicated')
        .describe("A key of its own in /etc/brinicle, or root's own."),
      type: z.enum(['ed25519', 'rsa']).default('ed25519').describe('Kind of the key; rsa has 3,072 bits.'),
    })
    .prefault({})
    .describe('The key with which a host pushes.'),
  cron: z
    .strictObject({
      manage: z.boolean().default(true).describe('Install cron on hosts and keep it running.'),
      hours: z
        .array(z.int().min(0).max(23))
        .min(1)
        .default([2, 10, 18])
        .describe('Hours at which hosts push.'),
    })
    .prefault({})
    .describe('When hosts push.'),
  program: plainPath
    .default('/usr/local/sbin/brinicle-snap')
    .describe('Where the push program is installed on hosts.'),
  retention: z
    .strictObject({
      all_days: z.int().min(1).default(7).describe('Days for which every version is kept.'),
      daily_days: z.int().min(1).default(35).describe('Days for which one version a day is kept.'),
      weekly_weeks: z.int().min(1).default(26).describe('Weeks for which one version a week is kept.'),
      monthly_months: z.int().min(1).default(24).describe('Months for which one version a month is kept.'),
      shorter_than_two_years: z
        .boolean()
        .default(false)
        .describe('Must be true for monthly_months below 24.'),
      wait_for_ice: z
        .boolean()
        .default(true)
        .describe(
          'Remove a version only once a complete image was begun after it. Without an off-site plan it means nothing.',
        ),
    })
    .prefault({})
    .describe('Which versions are kept on the backup server.'),
  strict: z.boolean().default(false).describe('Write nothing at all while any host has a problem.'),
});

/** The policy, parsed and with its defaults. */
export type Policy = z.output<typeof policySchema>;

/** One entry of `hosts:`. */
export type HostRule = Policy['hosts'][number];

/** How hosts get Node.js. */
export type NodePolicy = Policy['node'];

/** Who may open what hosts seal, as the policy names them; nobody, and nothing is sealed, when it is empty. */
export function sealRecipientNames(policy: Policy): readonly string[] {
  if (policy.seal.recipient !== undefined) return policy.seal.recipient;
  return policy.offsite === 'none' ? [] : policy.offsite.recipient;
}

/** The push key's private half on a host. */
export function pushKeyPath(policy: Policy): string {
  const folder = policy.push_key.use === 'root' ? '/root/.ssh' : '/etc/brinicle';
  return `${folder}/id_${policy.push_key.type}`;
}

/** Every range in which a host's uid may lie: the one that new uids are given from, then the former ones. */
export function uidRanges(policy: Policy): UidRange[] {
  return [policy.uid_range, ...policy.former_uid_ranges];
}

/** A matcher for the first entry of `hosts:` that fits a minion ID and its roles; gives the entry's index. */
export function ruleChooser(policy: Policy): (minionId: string, roles: readonly string[]) => number {
  const rules = policy.hosts.map((rule) => ({
    globs: rule.match?.map(globMatcher),
    roles: rule.role === undefined ? undefined : new Set(rule.role),
  }));
  return (minionId, roles) =>
    rules.findIndex(
      (rule) =>
        (rule.globs === undefined || rule.globs.some((matches) => matches(minionId))) &&
        (rule.roles === undefined || roles.some((role) => rule.roles?.has(role))),
    );
}
