import * as z from 'zod';
import { patternFault } from './path-patterns.ts';
import { printable } from './problem.ts';
import { sizeFrom, sizeSchema, UNIT } from './size.ts';

/**
 * What is sealed where the policy says nothing: what opens a login, a Salt master or a TLS name for whoever reads it.
 * A pattern without a slash finds its name in every folder.
 */
export const DEFAULT_SEAL: readonly string[] = [
  'ssh_host_*_key',
  'id_rsa',
  'id_ecdsa',
  'id_ed25519',
  'id_dsa',
  'id_ed25519_sk',
  'id_ecdsa_sk',
  '/etc/shadow',
  '/etc/shadow-',
  '/etc/gshadow',
  '/etc/gshadow-',
  '/etc/ssl/private/**',
  '/etc/salt/pki/**/*.pem',
  '/etc/letsencrypt/**/privkey*.pem',
  '/etc/krb5.keytab',
  '/root/.gnupg/**',
  '/home/*/.gnupg/private-keys-v1.d/**',
];

/** Bytes that a pack may have on the backup server beyond `push.pack_size`: its last member's head and its end. */
export const PACK_MARGIN = 16 * UNIT.MiB;

/** A pattern of paths that can match something. */
const pathPattern = z
  .string()
  .max(4096)
  .regex(/^[^\p{C}]*$/u, { error: 'a pattern without control characters', abort: true })
  .refine((pattern) => patternFault(pattern) === undefined, {
    error: ({ input }) =>
      `the pattern '${printable(String(input), 60)}' ${patternFault(String(input)) ?? ''}`,
  });

const bandwidth = z
  .union([z.literal('none'), sizeFrom(UNIT.KiB, '1KiB')])
  .transform((given) => (given === 'none' ? null : given));

/** zod schema of `push:`. */
export const pushSchema = z.strictObject({
  pack_size: sizeFrom(8 * UNIT.MiB, '8MiB')
    .default(UNIT.GiB)
    .describe('Most bytes of a pack; at least 8MiB, and more than 16MiB below server.limits.file_size.'),
  blocks_above: sizeSchema
    .default(64 * UNIT.MiB)
    .describe('Of a file larger than this only the changed blocks are sent.'),
  bandwidth: bandwidth
    .prefault('none')
    .describe('Most bytes a second that one host sends, such as 4MiB; none for no cap.'),
  nice: z.int().min(0).max(19).default(19).describe('Niceness of a push; 19 yields most.'),
  ionice: z
    .enum(['idle', 'best-effort', 'none'])
    .default('idle')
    .describe(
      'I/O class of a push: idle reads when nobody else does, best-effort reads at its lowest level, none leaves it as it is.',
    ),
  retries: z
    .int()
    .min(0)
    .max(20)
    .default(5)
    .describe('How often a push is tried again in one run after the network or the server failed it.'),
});

const hook = z.strictObject({
  run: z
    .string()
    .max(65_536)
    .regex(/^(?:[^\p{C}]|[\n\t])*$/u, 'a command without control characters')
    .regex(/\S/, 'a command')
    .describe('What /bin/sh is given, as root; may have several lines.'),
  on_failure: z
    .enum(['stop', 'go_on'])
    .default('stop')
    .describe(
      'Whether the push stops, as failed, or goes on when the command ends with another code than 0.',
    ),
  timeout: z
    .int()
    .min(1)
    .max(604_800)
    .default(3600)
    .describe('Seconds after which it is ended, which counts as a failure.'),
});

/** What an entry of `hosts:` says of how its hosts push, beside what is backed up. */
export const hostPushKeys = {
  exclude: z.array(pathPattern).default([]).describe('Patterns, as in .gitignore at /, that are left out.'),
  seal: z
    .array(pathPattern)
    .default([...DEFAULT_SEAL])
    .describe(
      'Patterns, as in .gitignore at /, of files that are encrypted to seal.recipient before they leave; [] seals nothing, ["**"] all. Replaces the default list.',
    ),
  one_file_system: z
    .boolean()
    .default(true)
    .describe('Stay on the file system of each folder of include: what is mounted below it is left out.'),
  hooks: z
    .strictObject({
      before: z.array(hook).default([]).describe('Commands before the walk, in order: dump a database.'),
      after: z
        .array(hook)
        .default([])
        .describe('Commands after the push, in order, also after a failed one.'),
    })
    .prefault({})
    .describe('Commands that run on the host around a push.'),
  bandwidth: bandwidth.optional().describe("Instead of push.bandwidth for these hosts; 'none' lifts it."),
};

/** zod schema of `server.archive_limits`. */
export const archiveLimitsSchema = z.strictObject({
  bytes: sizeSchema.default(UNIT.TiB).describe("Bytes that one host's archive may hold."),
  objects: z.int().min(1).default(5_000_000).describe("Objects (contents) that one host's archive may hold."),
  entries: z.int().min(1).default(5_000_000).describe('Entries that one version of a host may have.'),
});

/** zod schema of an entry's `archive_limits`. */
export const ownArchiveLimitsSchema = z.strictObject({
  bytes: sizeSchema.optional().describe('Bytes that the archive of one of these hosts may hold.'),
  objects: z.int().min(1).optional().describe('Objects that the archive of one of these hosts may hold.'),
  entries: z.int().min(1).optional().describe('Entries that one version of these hosts may have.'),
});
