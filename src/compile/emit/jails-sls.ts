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
  brinicle_quota.subvolumes:
    - name: brinicle-subvolumes
    - table: salt://brinicle/files/jails.json
`;
}

interface Row {
  minionId: string;
  name: string;
  uid: string;
  keyContents: string;
  pushes: boolean;
}

function rows(accounts: readonly JailAccount[]): Row[] {
  const scalars = yamlScalars(
    accounts.flatMap(({ account, authorizedKey }) => [account, authorizedKey ?? '']),
  );
  return accounts.map(({ minionId, uid, authorizedKey }, index) => ({
    minionId,
    name: scalars[index * 2] ?? '',
    uid: String(uid),
    keyContents: scalars[index * 2 + 1] ?? '',
    pushes: authorizedKey !== null,
  }));
}

/** One state of many names: Salt reads what they share once, and each is a state of its own when it runs. */
function manyNames(id: string, state: string, shared: readonly string[], names: readonly string[]): string {
  if (names.length === 0) return '';
  const options = shared.map((line) => `    - ${line}\n`).join('');
  return `\n${id}:\n  ${state}:\n${options}    - names:\n${names.join('')}`;
}

/**
 * What every account has but its name and uid: it never ends, and no password opens it. `system` keeps useradd from
 * giving each 65,536 subordinate uids, of which Debian's defaults have enough for 9,155 accounts.
 */
const ACCOUNT_OPTIONS = [
  'home: /',
  'createhome: false',
  'system: true',
  'shell: /usr/sbin/nologin',
  'fullname: Brinicle jail',
  "password: '*'",
  'mindays: -1',
  'maxdays: -1',
  'warndays: -1',
  'inactdays: -1',
  'expire: -1',
  'allow_uid_change: true',
  'allow_gid_change: true',
];

/**
 * The states of all hosts, by stock modules and without requisites, which cost Salt n² (salt#59123): Salt runs them
 * as they stand here. A path is a plain scalar because its parts hold letters, digits, `.`, `_`, `-` and `/` alone.
 */
function hostStates(accounts: readonly JailAccount[], policy: Policy): string {
  const { jails } = policy.server;
  const all = rows(accounts);
  const pushing = all.filter(({ pushes }) => pushes);
  const folderNames = (below: string): string[] =>
    pushing.map(({ name }) => `      - ${jails}/${name}${below}:\n        - group: ${name}\n`);
  return [
    manyNames(
      'brinicle-groups',
      'group.present',
      [],
      all.map(({ name, uid }) => `      - ${name}:\n        - gid: ${uid}\n`),
    ),
    manyNames(
      'brinicle-accounts',
      'user.present',
      ACCOUNT_OPTIONS,
      all.map(
        ({ minionId, name, uid, pushes }) =>
          `      - ${name}: # ${minionId}${pushes ? '' : ', pushes no more'}\n        - uid: ${uid}\n        - gid: ${uid}\n`,
      ),
    ),
    manyNames('brinicle-jails', 'file.directory', ['user: root', "mode: '0750'"], folderNames('')),
    manyNames('brinicle-inboxes', 'file.directory', ['user: root', "mode: '1730'"], folderNames('/inbox')),
    manyNames('brinicle-status', 'file.directory', ['user: root', "mode: '0750'"], folderNames('/status')),
    manyNames(
      'brinicle-keys',
      'file.managed',
      ['user: root', 'group: root', "mode: '0644'"],
      pushing.map(
        ({ name, keyContents }) => `      - ${KEYS_FOLDER}/${name}:\n        - contents: ${keyContents}\n`,
      ),
    ),
    manyNames(
      'brinicle-keys-absent',
      'file.absent',
      [],
      all.filter(({ pushes }) => !pushes).map(({ name }) => `      - ${KEYS_FOLDER}/${name}\n`),
    ),
  ].join('');
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
  brinicle_accounts.present:
    - name: brinicle-accounts
    - sysusers: salt://brinicle/files/sysusers.conf
    - tmpfiles: salt://brinicle/files/tmpfiles.conf
`;

/**
 * `brinicle/jails.sls`: accounts, jails and keys of all hosts. It holds what came from the mine, so it is read
 * as `#!yaml`: no Jinja ever sees it.
 */
export function jailsSls(accounts: readonly JailAccount[], policy: Policy): string {
  const made = policy.accounts === 'bulk' ? BULK : LEFT_BY_BULK + hostStates(accounts, policy);
  return `#!yaml\n${HASH_HEADER}${folders(policy)}${subvolumes(policy)}${made}`;
}
