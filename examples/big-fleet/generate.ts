import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

/** How accounts are made on the backup server, as `accounts:` in brinicle.yaml. */
export type AccountStyle = 'states' | 'bulk';

/** What a generated fleet may be told. */
export interface BigFleetOptions {
  accounts?: AccountStyle;
  /** Another seed gives other keys; the same one the same bytes. */
  seed?: string;
}

const USAGE = `usage: node dist/big-fleet.mjs N FOLDER [--accounts states|bulk] [--seed TEXT]

Writes brinicle.yaml, mine.json, host-keys.json and accepted.json of a fleet of N hosts into FOLDER.

  node dist/big-fleet.mjs 10000 /tmp/fleet --accounts bulk && brinicle compile -C /tmp/fleet
`;

const ROLES = ['web', 'db', 'mail', 'cache', 'queue'] as const;
const SITES = ['ams', 'ber', 'lis', 'osl'] as const;
const SERVER = 'backup1.example.test';

function field(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** An Ed25519 public key line in OpenSSH's format. Its 32 bytes come from a hash: no private half exists. */
function keyLine(seed: string, comment: string): string {
  const type = 'ssh-ed25519';
  const point = createHash('sha256').update(`${seed}\n${comment}`).digest();
  return `${type} ${Buffer.concat([field(Buffer.from(type)), field(point)]).toString('base64')} ${comment}`;
}

function minionId(index: number, width: number): string {
  const role = ROLES[index % ROLES.length];
  const site = SITES[Math.floor(index / ROLES.length) % SITES.length];
  return `${role}${String(index + 1).padStart(width, '0')}.${site}.example.test`;
}

function policyText(hosts: number, accounts: AccountStyle): string {
  const range = hosts > 40_000 ? 'uid_range: [300000, 499999]\n' : '';
  return `# A fleet of ${hosts} hosts, generated.
server:
  name: ${SERVER}
offsite: none
accounts: ${accounts}
${range}hosts:
  - match: 'db*'
    include: [/etc, /var/backups, /var/lib]
  - match: '*'
    exclude: [/proc, /sys, /dev, /run, /tmp]
`;
}

/** The files of a fleet of `hosts` hosts, by name. The same arguments give the same bytes. */
export function bigFleet(hosts: number, options: BigFleetOptions = {}): Map<string, string> {
  const { accounts = 'states', seed = 'brinicle' } = options;
  const width = String(hosts).length;
  const ids = Array.from({ length: hosts }, (_, index) => minionId(index, width)).sort();
  const mine = Object.fromEntries(ids.map((id) => [id, { root: { 'id_ed25519.pub': keyLine(seed, id) } }]));
  const hostKeys = { [SERVER]: { 'ed25519.pub': keyLine(seed, `host key of ${SERVER}`) } };
  const accepted = { minions: [SERVER, ...ids], minions_denied: [], minions_pre: [], minions_rejected: [] };
  return new Map([
    ['brinicle.yaml', policyText(hosts, accounts)],
    ['mine.json', `${JSON.stringify(mine)}\n`],
    ['host-keys.json', `${JSON.stringify(hostKeys)}\n`],
    ['accepted.json', `${JSON.stringify(accepted)}\n`],
  ]);
}

/** Writes a generated fleet into a folder, which is made if it is not there. */
export function writeBigFleet(hosts: number, folder: string, options: BigFleetOptions = {}): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, text] of bigFleet(hosts, options)) writeFileSync(join(folder, name), text);
}

function main(args: string[]): number {
  const { values, positionals } = parseArgs({
    args,
    options: {
      accounts: { type: 'string', default: 'states' },
      seed: { type: 'string', default: 'brinicle' },
    },
    allowPositionals: true,
  });
  const [count = '', folder, ...rest] = positionals;
  const { accounts, seed } = values;
  const sound = /^[1-9]\d{0,5}$/.test(count) && folder !== undefined && rest.length === 0;
  if (!sound || (accounts !== 'states' && accounts !== 'bulk')) {
    process.stderr.write(USAGE);
    return 2;
  }
  writeBigFleet(Number(count), folder, { accounts, seed });
  return 0;
}

// Also imported, by the bench and by tests.
if (/\/(?:big-fleet\.mjs|generate\.ts)$/.test(process.argv[1] ?? ''))
  process.exitCode = main(process.argv.slice(2));
