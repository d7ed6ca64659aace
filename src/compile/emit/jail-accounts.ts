import type { Fleet } from '../../model/fleet.ts';
import type { Policy } from '../../model/policy.ts';
import type { HostRow } from '../../model/rotate-config.ts';
import { PUSH_COMMAND } from './push-command.ts';

/** Where authorized_keys lie on the backup server: outside the jails, root's. */
export const KEYS_FOLDER = '/etc/brinicle/keys';

/** A host's account on the backup server, as the emitters need it. */
export interface JailAccount {
  minionId: string;
  account: string;
  uid: number;
  /** The line of its authorized_keys; null for a host that pushes no more. */
  authorizedKey: string | null;
  /** Amounts that its entry of hosts: sets instead of the server's. */
  quota?: { bytes: number; inodes: number };
  /** Limits of its archive that differ from the server's. */
  limits?: NonNullable<HostRow['limits']>;
}

/** Every account that exists on the backup server, retired and skipped ones too: their uid must not go to anybody else. */
export function jailAccounts(fleet: Fleet, policy: Policy): JailAccount[] {
  return fleet.hosts.flatMap(({ minionId, standing }): JailAccount[] => {
    if (standing.kind === 'retired' || standing.kind === 'skipped') {
      const { locked } = standing;
      return locked === undefined
        ? []
        : [{ minionId, account: locked.account, uid: locked.uid, authorizedKey: null }];
    }
    if (standing.kind !== 'active') return [];
    const { account, uid, key } = standing.locked;
    const own = standing.rule.quota;
    const quota =
      own === undefined
        ? {}
        : {
            quota: {
              bytes: own.bytes ?? policy.server.quota.bytes,
              inodes: own.inodes ?? policy.server.quota.inodes,
            },
          };
    return [
      {
        minionId,
        account,
        uid,
        authorizedKey: `restrict,command="${PUSH_COMMAND}" ${key} ${account}`,
        ...quota,
        ...(standing.rule.archive_limits === undefined ? {} : { limits: standing.rule.archive_limits }),
      },
    ];
  });
}
