import { afterAll, beforeAll, expect, it } from 'vitest';
import type { SaltRelease } from '../../throwaway/base.ts';
import { requireOrSkip } from '../../throwaway/require-or-skip.ts';
import { ModulesRoot, type Single } from './modules-root.ts';

const describeSalt = await requireOrSkip('Salt');

describeSalt.each<SaltRelease>(['3008', '3006'])(
  'The way of the modules to a minion under Salt %s',
  (release) => {
    let modules: ModulesRoot;

    beforeAll(async () => {
      modules = await ModulesRoot.start(release);
      const table = '{"format": 1, "jails": "/srv/jails", "accounts": []}';
      await modules.root.writeFile('/srv/salt/jails.json', table);
      await modules.root.writeFile('/srv/salt/top.sls', "base: {'*': [probe]}\n");
      const values = "[table: salt://jails.json, expected: {permittty: 'no'}, dropin: /nowhere]";
      await modules.root.writeFile('/srv/salt/probe.sls', `probe: {brinicle_sshd.confined: ${values}}\n`);
    });

    afterAll(async () => {
      await modules?.stop();
    });

    async function salt(...words: string[]): Promise<unknown> {
      const argv = ['salt-call', '--local', '--out=json', '--log-level=error', ...words];
      return (JSON.parse((await modules.root.exec(argv)).stdout) as { local: unknown }).local;
    }

    async function forget(): Promise<void> {
      await modules.root.mustExec(['rm', '-rf', '/var/cache/salt/minion']);
    }

    /** The whole of Brinicle's module ran if it says this. */
    const ran = '/nowhere is absent, or /etc/ssh/sshd_config does not include it';

    it('is a highstate alone, on a minion that has none of them', async () => {
      expect(await modules.root.exists('/var/cache/salt/minion/extmods/utils/brinicle.py')).toBe(false);
      const [state] = Object.values((await salt('state.highstate')) as Record<string, Single>);
      expect(state).toMatchObject({ result: false, comment: expect.stringContaining(ran) });
    });

    it('is saltutil.sync_all, which brings all of them', async () => {
      await forget();
      expect(await salt('saltutil.sync_all')).toMatchObject({
        states: expect.arrayContaining([
          'states.brinicle_accounts',
          'states.brinicle_quota',
          'states.brinicle_sshd',
        ]),
        utils: ['utils.brinicle'],
      });
      const [state] = Object.values((await salt('state.apply', 'probe')) as Record<string, Single>);
      expect(state).toMatchObject({ result: false, comment: expect.stringContaining(ran) });
    });

    it('is not saltutil.sync_states, after which a state says what is missing', async () => {
      await forget();
      await salt('saltutil.sync_states');
      const [state] = Object.values((await salt('state.apply', 'probe')) as Record<string, Single>);
      expect(state).toMatchObject({
        result: false,
        comment: expect.stringContaining("'_utils/brinicle.py' is not on this minion"),
      });
    });
  },
);
