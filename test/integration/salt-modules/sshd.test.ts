import { afterAll, beforeAll, expect, it } from 'vitest';
import type { SaltRelease } from '../../throwaway/base.ts';
import { requireOrSkip } from '../../throwaway/require-or-skip.ts';
import { type Host, JAILS, ModulesRoot } from './modules-root.ts';

const dropin = '/etc/ssh/sshd_config.d/00-brinicle.conf';
const requests = 'open,close,write,read,fsync,stat,lstat,fstat,realpath,posix-rename,statvfs,limits,remove';

const dropinText = `Match User bk-*
  ChrootDirectory ${JAILS}/%u
  AuthorizedKeysFile /etc/brinicle/keys/%u
  AuthorizedKeysCommand none
  AuthenticationMethods publickey
  ForceCommand internal-sftp -u 0577 -d /inbox -p ${requests}
  DisableForwarding yes
  PermitTTY no
  PermitUserRC no
  MaxSessions 2
`;

const expectedDirectives = {
  chrootdirectory: `${JAILS}/%u`,
  authorizedkeysfile: ['/etc/brinicle/keys/%u'],
  authorizedkeyscommand: 'none',
  authenticationmethods: 'publickey',
  forcecommand: `internal-sftp -u 0577 -d /inbox -p ${requests}`,
  disableforwarding: true,
  permittty: 'no',
  permituserrc: 'no',
  maxsessions: 2,
};

const describeSalt = await requireOrSkip('Salt');

describeSalt.each<SaltRelease>(['3008', '3006'])('brinicle_sshd under Salt %s', (release) => {
  let modules: ModulesRoot;

  beforeAll(async () => {
    modules = await ModulesRoot.startSynced(release);
  });

  afterAll(async () => {
    await modules?.stop();
  });

  const hosts: readonly Host[] = Array.from({ length: 20 }, (_, index) => {
    return { account: `bk-s${index}`, uid: 21000 + index, shut_out: index === 7 };
  });
  const values = { table: 'salt://brinicle/files/jails.json', expected: expectedDirectives };
  const checked = '/var/lib/brinicle/sshd-checked.json';
  const earlier = '/etc/ssh/sshd_config.d/00-admin.conf';

  beforeAll(async () => {
    const table = { format: 1, jails: JAILS, accounts: hosts };
    await modules.root.writeFile('/srv/salt/brinicle/files/jails.json', JSON.stringify(table));
  });

  const makeAccounts = async (): Promise<void> => {
    const lines = hosts.map(({ account, uid }) => `u ${account} ${uid} "Brinicle jail" / /usr/sbin/nologin`);
    await modules.root.mustExec(['systemd-sysusers', '-'], { stdin: `${lines.join('\n')}\n` });
  };

  it('is None under test=True while the drop-in is not in place, and False without test', async () => {
    const planned = await modules.single('brinicle_sshd.confined', values, true);
    expect(planned).toMatchObject({ result: null, changes: {} });
    expect(planned.comment).toContain(`${dropin} is not in place yet`);
    expect((await modules.single('brinicle_sshd.confined', values)).comment).toContain(`${dropin} is absent`);
  });

  it('passes with the drop-in, and remembers the answer', async () => {
    await modules.root.writeFile(dropin, dropinText);
    expect((await modules.single('brinicle_sshd.confined', values, true)).comment).toContain(
      '19 accounts are to be made',
    );
    expect((await modules.single('brinicle_sshd.confined', values)).comment).toContain(
      '19 accounts do not exist',
    );
    await makeAccounts();
    const first = await modules.single('brinicle_sshd.confined', values);
    expect(first).toMatchObject({ result: true, changes: {} });
    expect(first.comment).toBe('sshd shows all 9 directives for 19 accounts.');
    const mark = await modules.root.readFile(checked);
    expect((await modules.single('brinicle_sshd.confined', values)).result).toBe(true);
    expect(await modules.root.readFile(checked)).toBe(mark);
  });

  it("finds an administrator's earlier Match that weakens one account, and where it is", async () => {
    await modules.root.writeFile(earlier, 'Match User bk-s13\n  DisableForwarding no\n  PermitTTY yes\n');
    const answer = await modules.single('brinicle_sshd.confined', values);
    expect(answer.result).toBe(false);
    expect(answer.comment).toBe(
      `bk-s13: disableforwarding must be 'yes', and sshd says 'no'; probably by ${earlier}:2, which is read ` +
        `before ${dropin}.\nbk-s13: permittty must be 'no', and sshd says 'yes'; probably by ${earlier}:3, which ` +
        `is read before ${dropin}.`,
    );
    expect((await modules.single('brinicle_sshd.confined', values)).result).toBe(false);
  });

  it('finds a Match that weakens by address, in a file that an include of an include reaches', async () => {
    await modules.root.writeFile(earlier, 'Include /etc/ssh/deep.conf\n');
    await modules.root.writeFile(
      '/etc/ssh/deep.conf',
      'Match Address 10.0.0.0/8,!10.1.1.1 Group *\n  ForceCommand none\n',
    );
    const answer = await modules.single('brinicle_sshd.confined', values);
    expect(answer.result).toBe(false);
    expect(answer.comment).toContain('bk-s0 from host=client.invalid,addr=10.0.0.0');
    expect(answer.comment).toContain("forcecommand must be 'internal-sftp");
    expect(answer.comment).toContain('/etc/ssh/deep.conf:2');
    await modules.root.mustExec(['rm', earlier, '/etc/ssh/deep.conf']);
    expect((await modules.single('brinicle_sshd.confined', values)).result).toBe(true);
  });

  it('says which line is missing where sshd_config includes no drop-ins', async () => {
    await modules.root.mustExec(['sed', '-i.away', '/^Include/d', '/etc/ssh/sshd_config']);
    const answer = await modules.single('brinicle_sshd.confined', values);
    expect(answer.result).toBe(false);
    expect(answer.comment).toContain("The line 'Include /etc/ssh/sshd_config.d/*.conf' belongs at the top");
    await modules.root.mustExec(['mv', '/etc/ssh/sshd_config.away', '/etc/ssh/sshd_config']);
  });
});
