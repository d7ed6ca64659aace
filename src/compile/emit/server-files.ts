import limitsTemplate from '../../../templates/limits.conf.njk';
import sshdTemplate from '../../../templates/sshd.conf.njk';
import sysusersTemplate from '../../../templates/sysusers.conf.njk';
import tmpfilesTemplate from '../../../templates/tmpfiles.conf.njk';
import type { Policy } from '../../model/policy.ts';
import { fillTemplate } from './fill-template.ts';
import { HEADER } from './header.ts';
import { type JailAccount, KEYS_FOLDER } from './jail-accounts.ts';

const SFTP_REQUESTS =
  'open,close,write,read,fsync,stat,lstat,fstat,realpath,posix-rename,statvfs,limits,remove';

/** One directive of sshd_config, in sshd's spelling. */
export interface SshdDirective {
  name: string;
  value: string;
}

/** What sshd must do with every host's account. DESIGN "The drop box" says why each stands there. */
export function jailDirectives(policy: Policy): SshdDirective[] {
  return [
    { name: 'ChrootDirectory', value: `${policy.server.jails}/%u` },
    { name: 'AuthorizedKeysFile', value: `${KEYS_FOLDER}/%u` },
    { name: 'AuthorizedKeysCommand', value: 'none' },
    { name: 'AuthenticationMethods', value: 'publickey' },
    { name: 'ForceCommand', value: `internal-sftp -u 0577 -d /inbox -p ${SFTP_REQUESTS}` },
    { name: 'DisableForwarding', value: 'yes' },
    { name: 'PermitTTY', value: 'no' },
    { name: 'PermitUserRC', value: 'no' },
    { name: 'MaxSessions', value: '2' },
  ];
}

/** What `sshd -T -C user=ACCOUNT` must print, by lower-case directive; UsePAM since limits.d hangs on it. */
export function expectedSshd(policy: Policy): Record<string, string> {
  return {
    ...Object.fromEntries(jailDirectives(policy).map(({ name, value }) => [name.toLowerCase(), value])),
    usepam: 'yes',
  };
}

/** The sshd drop-in. */
export function sshdConf(policy: Policy): string {
  return fillTemplate(sshdTemplate, { directives: jailDirectives(policy) });
}

/** uid_range, and runs of the uids that were given before it was moved. */
function uidRanges(accounts: readonly JailAccount[], [first, last]: Policy['uid_range']): [number, number][] {
  const ranges: [number, number][] = [[first, last]];
  const outside = accounts.map(({ uid }) => uid).filter((uid) => uid < first || uid > last);
  for (const uid of outside.sort((a, b) => a - b)) {
    const run = ranges.at(-1);
    if (ranges.length > 1 && run !== undefined && run[1] + 1 === uid) run[1] = uid;
    else ranges.push([uid, uid]);
  }
  return ranges;
}

/** limits.d for the uids of hosts. */
export function limitsConf(accounts: readonly JailAccount[], policy: Policy): string {
  const { limits } = policy.server;
  return fillTemplate(limitsTemplate, {
    ranges: uidRanges(accounts, policy.uid_range).map((range) => range.join(':')),
    fileSizeKiB: Math.ceil(limits.file_size / 1024),
    openFiles: limits.open_files,
    processes: limits.processes,
  });
}

/** sysusers.d for all accounts at once. */
export function sysusersConf(accounts: readonly JailAccount[]): string {
  return fillTemplate(sysusersTemplate, {
    accounts: accounts.map(({ account, uid }) => ({ name: account, uid })),
  });
}

/** tmpfiles.d for all jails and keys at once; '%' cannot occur in a key line, so no specifier can. */
export function tmpfilesConf(accounts: readonly JailAccount[], policy: Policy): string {
  return fillTemplate(tmpfilesTemplate, {
    jails: policy.server.jails,
    keys: KEYS_FOLDER,
    accounts: accounts.map(({ account, keyLine }) => ({ name: account, key: keyLine })),
  });
}

/** The table of accounts that brinicle_quota and brinicle_sshd read: one line an account. */
export function jailsTable(accounts: readonly JailAccount[], policy: Policy): string {
  const rows = accounts.map(({ account, uid, keyLine, quota }) =>
    JSON.stringify({ account, uid, retired: keyLine === null, ...(quota === undefined ? {} : { quota }) }),
  );
  return `{"//":${JSON.stringify(HEADER)},"format":1,"jails":${JSON.stringify(policy.server.jails)},"accounts":[\n${rows.join(',\n')}\n]}\n`;
}
