import limitsTemplate from '../../../templates/limits.conf.njk';
import sshdTemplate from '../../../templates/sshd.conf.njk';
import sysusersTemplate from '../../../templates/sysusers.conf.njk';
import tmpfilesTemplate from '../../../templates/tmpfiles.conf.njk';
import { type Policy, uidRanges } from '../../model/policy.ts';
import { fillTemplate } from './fill-template.ts';
import { HEADER } from './header.ts';
import { type JailAccount, KEYS_FOLDER } from './jail-accounts.ts';
import { PUSH_COMMAND } from './push-command.ts';

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
    // A certificate of the administrator's own CA would need no key file.
    { name: 'TrustedUserCAKeys', value: 'none' },
    { name: 'AuthorizedPrincipalsFile', value: 'none' },
    { name: 'AuthorizedPrincipalsCommand', value: 'none' },
    { name: 'AuthenticationMethods', value: 'publickey' },
    { name: 'ForceCommand', value: PUSH_COMMAND },
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

/** limits.d for the uids of hosts. */
export function limitsConf(policy: Policy): string {
  const { limits } = policy.server;
  return fillTemplate(limitsTemplate, {
    ranges: uidRanges(policy).map((range) => range.join(':')),
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
    accounts: accounts.map(({ account, authorizedKey }) => ({ name: account, key: authorizedKey })),
  });
}

/** The table of accounts that rotate and our state modules read: one line an account. */
export function jailsTable(accounts: readonly JailAccount[], policy: Policy): string {
  const rows = accounts.map(({ minionId, account, uid, authorizedKey, quota, limits }) =>
    JSON.stringify({
      account,
      minion: minionId,
      uid,
      shut_out: authorizedKey === null,
      ...(quota === undefined ? {} : { quota }),
      ...(limits === undefined ? {} : { limits }),
    }),
  );
  return `{"//":${JSON.stringify(HEADER)},"format":1,"jails":${JSON.stringify(policy.server.jails)},"accounts":[\n${rows.join(',\n')}\n]}\n`;
}
