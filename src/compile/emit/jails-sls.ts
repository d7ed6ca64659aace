import type { Policy } from '../../model/policy.ts';
import { yamlScalars } from '../../model/yaml-scalars.ts';
import { HASH_HEADER } from './header.ts';
import { type JailAccount, KEYS_FOLDER } from './jail-accounts.ts';

const SYSUSERS = '/etc/sysusers.d/brinicle.conf';
const TMPFILES = '/etc/tmpfiles.d/brinicle.conf';

function folders(policy: Policy): string {
  const [jails, keys] = yamlScalars([policy.server.jails, KEYS_FOLDER]);
  return `brinicle-jails-folder:
  file.directory:
    - names:
      - ${jails}
      - ${keys}
    - user: root
    - group: root
    - mode: '0755'
    - makedirs: true
`;
}

function subvolumes(policy: Policy): string {
  if (policy.server.quota.kind !== 'btrfs') return '';
  return `
brinicle-subvolumes:
  brinicle.subvolumes:
    - name: brinicle-subvolumes
    - table: salt://brinicle/files/jails.json
`;
}

/**
 * Group and account, which never end and which no password opens. `system` keeps useradd from giving each account
 * 65,536 subordinate uids, of which Debian's defaults have enough for 9,155 accounts.
 */
function accountBlock(id: string, name: string, uid: string): string {
  return `${id}:
  group.present:
    - name: ${name}
    - gid: ${uid}
  user.present:
    - name: ${name}
    - uid: ${uid}
    - gid: ${uid}
    - home: /
    - createhome: false
    - system: true
    - shell: /usr/sbin/nologin
    - fullname: Brinicle jail
    - password: '*'
    - mindays: -1
    - maxdays: -1
    - warndays: -1
    - inactdays: -1
    - expire: -1
    - allow_uid_change: true
    - allow_gid_change: true
`;
}

/** The states of one host each, by stock modules and without requisites, which cost Salt n² (salt#59123). */
function stateBlocks(accounts: readonly JailAccount[], policy: Policy): string[] {
  const { jails } = policy.server;
  const perHost = 10;
  const scalars = yamlScalars(
    accounts.flatMap(({ account, uid, keyLine }) => [
      account,
      uid,
      `brinicle-account-${account}`,
      `brinicle-jail-${account}`,
      `brinicle-key-${account}`,
      `${jails}/${account}`,
      `${jails}/${account}/inbox`,
      `${jails}/${account}/status`,
      `${KEYS_FOLDER}/${account}`,
      keyLine ?? '',
    ]),
  );
  return accounts.map(({ minionId, keyLine }, index) => {
    const [name = '', uid = '', accountId = '', jailId, keyId, jail, inbox, status, keyFile, contents] =
      scalars.slice(index * perHost, (index + 1) * perHost);
    const account = accountBlock(accountId, name, uid);
    if (keyLine === null) {
      return `
# ${minionId}, pushes no more
${account}${keyId}:
  file.absent:
    - name: ${keyFile}
`;
    }
    return `
# ${minionId}
${account}${jailId}:
  file.directory:
    - user: root
    - group: ${name}
    - names:
      - ${jail}:
        - mode: '0750'
      - ${inbox}:
        - mode: '1730'
      - ${status}:
        - mode: '0750'
${keyId}:
  file.managed:
    - name: ${keyFile}
    - contents: ${contents}
    - user: root
    - group: root
    - mode: '0644'
`;
  });
}

const LEFT_BY_BULK = `
brinicle-bulk-absent:
  file.absent:
    - names:
      - ${SYSUSERS}
      - ${TMPFILES}
`;

const BULK = `
brinicle-bulk-conf:
  file.managed:
    - user: root
    - group: root
    - mode: '0644'
    - makedirs: true
    - names:
      - ${SYSUSERS}:
        - source: salt://brinicle/files/sysusers.conf
      - ${TMPFILES}:
        - source: salt://brinicle/files/tmpfiles.conf

brinicle-accounts:
  brinicle.accounts:
    - name: brinicle-accounts
    - sysusers: salt://brinicle/files/sysusers.conf
    - tmpfiles: salt://brinicle/files/tmpfiles.conf
`;

/**
 * `brinicle/jails.sls`: accounts, jails and keys of all hosts. It holds what came from the mine, so it is read
 * as `#!yaml`: no Jinja ever sees it.
 */
export function jailsSls(accounts: readonly JailAccount[], policy: Policy): string {
  const made = policy.accounts === 'bulk' ? BULK : LEFT_BY_BULK + stateBlocks(accounts, policy).join('');
  return `#!yaml\n${HASH_HEADER}${folders(policy)}${subvolumes(policy)}${made}`;
}
