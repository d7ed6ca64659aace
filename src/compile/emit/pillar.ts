import { hash } from 'node:crypto';
import { backupMinute, backupSecond } from '../../model/backup-minute.ts';
import type { CompileInputs } from '../../model/compile-inputs.ts';
import type { Fleet, Host } from '../../model/fleet.ts';
import { minionIdFault } from '../../model/minion-id.ts';
import { OFFSITE_CONFIG_FORMAT, type OffsiteConfig } from '../../model/offsite-config.ts';
import { type HostRule, type NodePolicy, type Policy, pushKeyPath } from '../../model/policy.ts';
import { ROTATE_CONFIG_FORMAT, type RotateConfig } from '../../model/rotate-config.ts';
import { SNAP_CONFIG_FORMAT, type SnapConfig } from '../../model/snap-config.ts';
import { fingerprint } from '../../model/ssh-public-key.ts';
import { HEADER } from './header.ts';
import { expectedSshd } from './server-files.ts';

/** Format number of the files that the ext_pillar reads. */
export const PILLAR_FORMAT = 1;

/** A value that JSON can hold. */
export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

type JsonObject = { [key: string]: Json };

/** Where below the pillar folder the file of a minion lies: the SHA-256 of its ID, so that no ID names a path. */
export function pillarFile(minionId: string): string {
  const digest = hash('sha256', minionId);
  return `hosts/${digest.slice(0, 2)}/${digest}.json`;
}

function nodeData(node: NodePolicy): JsonObject {
  if (node.from === 'archive')
    return {
      from: 'archive',
      path: `${node.into}/bin/node`,
      source: node.source,
      sha256: node.sha256,
      into: node.into,
    };
  return { ...node };
}

function keyData(policy: Policy): JsonObject {
  return { path: pushKeyPath(policy), type: policy.push_key.type };
}

function knownHosts(fleet: Fleet, policy: Policy): string {
  const address = policy.server.address ?? policy.server.name;
  const name = policy.server.port === 22 ? address : `[${address}]:${policy.server.port}`;
  return fleet.serverHostKeys.map((line) => `${name} ${line}\n`).join('');
}

/** Where the states put the backup server's keys on a host. */
const KNOWN_HOSTS = '/etc/brinicle/known_hosts';

/** Where the states put the table of accounts on the backup server. */
const HOST_TABLE = '/etc/brinicle/hosts.json';

/** What stands for a recipient's key in the files of hosts: another key is another name, which a plan tells. */
const recipientName = (armored: string): string => hash('sha256', armored);

/** Makes the configuration of snap, which the states write as it is once the ext_pillar has put the recipients in. */
function snapConfigOf(
  policy: Policy,
  sealRecipients: readonly string[],
): (minionId: string, account: string, rule: HostRule) => Omit<SnapConfig, '//'> {
  const { push } = policy;
  const server = { address: policy.server.address ?? policy.server.name, port: policy.server.port };
  const key = pushKeyPath(policy);
  const recipients = sealRecipients.map(recipientName);
  const ownFolders = [policy.server.jails, policy.server.archive];
  return (minionId, account, rule) => ({
    format: SNAP_CONFIG_FORMAT,
    account,
    server,
    known_hosts: KNOWN_HOSTS,
    key,
    include: rule.include,
    // The backup server may be backed up like any host, but never its own backups.
    exclude: minionId === policy.server.name ? [...rule.exclude, ...ownFolders] : rule.exclude,
    one_file_system: rule.one_file_system,
    // One means nothing without the other, and of a large fleet they would be most of the output.
    seal:
      recipients.length === 0 || rule.seal.length === 0
        ? { recipients: [], patterns: [] }
        : { recipients, patterns: rule.seal },
    hooks: rule.hooks,
    pack_bytes: push.pack_size,
    blocks_above: push.blocks_above,
    bandwidth: rule.bandwidth === undefined ? push.bandwidth : rule.bandwidth,
    nice: push.nice,
    ionice: push.ionice,
    second: backupSecond(minionId),
    retries: push.retries,
  });
}

/** What is told to the minions of one policy entry, but for their own account. */
function hostDataOf(
  fleet: Fleet,
  policy: Policy,
  sealRecipients: readonly string[],
): (host: Host) => JsonObject {
  const known_hosts = knownHosts(fleet, policy);
  const snapConfig = snapConfigOf(policy, sealRecipients);
  const cron = {
    manage: policy.cron.manage,
    hours: [...new Set(policy.cron.hours)].sort((a, b) => a - b).join(','),
  };
  const key = keyData(policy);
  const node = nodeData(policy.node);
  const serverUnknown = fleet.serverHostKeys.length === 0;
  return ({ minionId, standing }) => {
    if (standing.kind === 'retired') return { shut_out: true };
    if (standing.kind === 'skipped') {
      return standing.locked === undefined ? { skipped: standing.why } : { shut_out: true };
    }
    if (standing.kind === 'waiting')
      return {
        error: `No push key of this minion is known yet (${standing.why}). This run makes and publishes one: run brinicle compile, then apply the states again.`,
        key,
      };
    if (standing.kind === 'refused')
      return {
        error: `Brinicle refused this minion: ${standing.why}. Run brinicle explain ${minionId} where brinicle.yaml lies.`,
        key,
      };
    if (serverUnknown)
      return {
        error: `The SSH host keys of the backup server ${policy.server.name} are not known yet. Add host-keys.json, run brinicle compile, then apply the states again.`,
        key,
      };
    const { account, uid, key: pinned } = standing.locked;
    return {
      key,
      node,
      host: {
        // No state reads these two: a plan tells by them that an account moves or a key changes.
        uid,
        push_key: fingerprint(pinned),
        known_hosts,
        cron,
        program: policy.program,
        snap: snapConfig(minionId, account, standing.rule),
      },
    };
  };
}

/** The configuration of rotate and the commands for the archive, which the states write as it is. */
function rotateConfig({ server, offsite, retention }: Policy): Omit<RotateConfig, '//'> {
  return {
    format: ROTATE_CONFIG_FORMAT,
    archive: server.archive,
    jails: server.jails,
    hosts: HOST_TABLE,
    user: 'brinicle',
    limits: server.archive_limits,
    versions_a_day: server.versions_a_day,
    retention: {
      all_days: retention.all_days,
      daily_days: retention.daily_days,
      weekly_weeks: retention.weekly_weeks,
      monthly_months: retention.monthly_months,
    },
    wait_for_ice: offsite !== 'none' && retention.wait_for_ice,
    stale_days: server.stale_days,
    keep_refused_days: server.keep_refused_days,
    abandon_days: server.abandon_days,
  };
}

/** What of a mapping has a value: a key that the policy leaves out is no key of the configuration. */
function definedKeys(mapping: object): JsonObject {
  return Object.fromEntries(Object.entries(mapping).filter(([, value]) => value !== undefined));
}

/** The configuration of offsite, which the states write as it is; null without an off-site plan. */
function offsiteConfig(
  { server, offsite }: Policy,
  recipients: readonly string[],
): (Omit<OffsiteConfig, '//' | 'store'> & { store: JsonObject }) | null {
  if (offsite === 'none') return null;
  return {
    format: OFFSITE_CONFIG_FORMAT,
    archive: server.archive,
    hosts: HOST_TABLE,
    user: 'brinicle',
    store: definedKeys(offsite.store),
    recipients: [...recipients],
    retention_days: offsite.retention_days + (offsite.full_every === 'always' ? 0 : offsite.full_every),
    days: [...new Set(offsite.days)].sort((a, b) => a - b),
    hour: offsite.hour,
    full_every: offsite.full_every === 'always' ? null : offsite.full_every,
    part_bytes: offsite.part_size,
    memory_bytes: offsite.memory,
    processors: offsite.processors ?? null,
    give_up_days: offsite.give_up_days,
    warn_only: [...new Set(offsite.warn_only)].sort(),
  };
}

/** Hour of the daily check: the image of that night has begun, and no host pushes by default. */
const VERIFY_HOUR = 5;

/** What `brinicle verify` is called with each day; the percentage is rounded up, so that no object comes too late. */
function verifyData(days: Policy['server']['verify_days']): JsonObject | null {
  if (days === 'none') return null;
  return { share: String(Math.ceil(10_000 / days) / 100), hour: VERIFY_HOUR };
}

/** Hour of the drill: after the check of that day has begun. */
const DRILL_HOUR = 6;

function drillData(day: Policy['server']['drill_day']): JsonObject | null {
  return day === 'none' ? null : { day, hour: DRILL_HOUR };
}

function serverData(policy: Policy, iceRecipients: readonly string[]): JsonObject {
  const { server } = policy;
  return {
    node: nodeData(policy.node),
    server: {
      jails: server.jails,
      archive: server.archive,
      quota: { ...server.quota },
      sshd: expectedSshd(policy),
      manage_cron: server.manage_cron,
      rotate_minutes: server.rotate_minutes,
      offsite: offsiteConfig(policy, iceRecipients),
      offsite_minute: backupMinute(server.name),
      verify: verifyData(server.verify_days),
      drill: drillData(server.drill_day),
      rotate: rotateConfig(policy),
    },
  };
}

function minionFile(minionId: string, brinicle: JsonObject): string {
  return `${JSON.stringify({ '//': HEADER, format: PILLAR_FORMAT, minion: minionId, brinicle }, null, 1)}\n`;
}

/** Mine functions by which a host publishes its push key, and the backup server its host keys. */
function mineFunctions(policy: Policy): { hosts: JsonObject; server: JsonObject } {
  const parameters: Json[] = [
    { user: 'root' },
    { pubfile: `${pushKeyPath(policy)}.pub` },
    { prvfile: false },
  ];
  const alias = policy.salt.mine_alias;
  const hosts: JsonObject =
    alias === undefined
      ? { 'ssh.user_keys': parameters }
      : { [alias]: [{ mine_function: 'ssh.user_keys' }, ...parameters] };
  return { hosts, server: { 'ssh.host_keys': [{ private: false }] } };
}

/** What is the same for all minions; the recipients' keys would be most of the files of a large fleet. */
function defaultsFile(policy: Policy, sealRecipients: readonly string[]): string {
  const functions = mineFunctions(policy);
  const defaults = {
    '//': HEADER,
    format: PILLAR_FORMAT,
    server: policy.server.name,
    mine_functions: functions.hosts,
    server_mine_functions: functions.server,
    key: keyData(policy),
    recipients: Object.fromEntries(sealRecipients.map((armored) => [recipientName(armored), armored])),
  };
  return `${JSON.stringify(defaults, null, 1)}\n`;
}

/**
 * The files that the ext_pillar reads, by path below the pillar folder: one for each minion that is decided on,
 * and `defaults.json` for all. A host's file holds nothing of any other host.
 */
export function pillarFiles(
  fleet: Fleet,
  {
    policy,
    sealRecipients,
    iceRecipients,
  }: Pick<CompileInputs, 'policy' | 'sealRecipients' | 'iceRecipients'>,
): Map<string, string> {
  const files = new Map<string, string>();
  files.set('defaults.json', defaultsFile(policy, sealRecipients));
  const dataOf = hostDataOf(fleet, policy, sealRecipients);
  for (const host of fleet.hosts) {
    if (minionIdFault(host.minionId) === undefined)
      files.set(pillarFile(host.minionId), minionFile(host.minionId, dataOf(host)));
  }
  files.set(
    pillarFile(policy.server.name),
    minionFile(policy.server.name, serverData(policy, iceRecipients)),
  );
  return files;
}
