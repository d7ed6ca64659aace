import { hash } from 'node:crypto';
import { backupMinute } from '../../model/backup-minute.ts';
import type { Fleet, Host } from '../../model/fleet.ts';
import { minionIdFault } from '../../model/minion-id.ts';
import { type NodePolicy, type Policy, pushKeyPath } from '../../model/policy.ts';
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

/** What is told to the minions of one policy entry, but for their own account. */
function hostDataOf(fleet: Fleet, policy: Policy): (host: Host) => JsonObject {
  const server = {
    address: policy.server.address ?? policy.server.name,
    port: policy.server.port,
    known_hosts: knownHosts(fleet, policy),
  };
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
    const { include, exclude } = standing.rule;
    return {
      key,
      node,
      host: {
        account: standing.locked.account,
        uid: standing.locked.uid,
        push_key: fingerprint(standing.locked.key),
        server,
        cron,
        program: policy.program,
        include,
        exclude,
      },
    };
  };
}

function serverData(policy: Policy): JsonObject {
  const { server, offsite, retention } = policy;
  return {
    node: nodeData(policy.node),
    server: {
      jails: server.jails,
      archive: server.archive,
      quota: { ...server.quota },
      sshd: expectedSshd(policy),
      manage_cron: server.manage_cron,
      rotate_minutes: server.rotate_minutes,
      offsite:
        offsite === 'none'
          ? null
          : {
              days: [...new Set(offsite.days)].sort((a, b) => a - b),
              hour: offsite.hour,
              retention_days: offsite.retention_days,
            },
      offsite_minute: backupMinute(server.name),
      retention: {
        all_days: retention.all_days,
        daily_days: retention.daily_days,
        weekly_weeks: retention.weekly_weeks,
        monthly_months: retention.monthly_months,
      },
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

/**
 * The files that the ext_pillar reads, by path below the pillar folder: one for each minion that is decided on,
 * and `defaults.json` for all. A host's file holds nothing of any other host.
 */
export function pillarFiles(fleet: Fleet, policy: Policy): Map<string, string> {
  const files = new Map<string, string>();
  const functions = mineFunctions(policy);
  files.set(
    'defaults.json',
    `${JSON.stringify({ '//': HEADER, format: PILLAR_FORMAT, server: policy.server.name, mine_functions: functions.hosts, server_mine_functions: functions.server, key: keyData(policy) }, null, 1)}\n`,
  );
  const dataOf = hostDataOf(fleet, policy);
  for (const host of fleet.hosts) {
    if (minionIdFault(host.minionId) === undefined)
      files.set(pillarFile(host.minionId), minionFile(host.minionId, dataOf(host)));
  }
  files.set(pillarFile(policy.server.name), minionFile(policy.server.name, serverData(policy)));
  return files;
}
