import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { SaltRelease } from '../../throwaway/base.ts';
import { requireOrSkip } from '../../throwaway/require-or-skip.ts';
import { ModulesRoot, PILLAR_FOLDER, SALT_FOLDER } from './modules-root.ts';

interface OurPillar {
  readonly backup_minute: number;
  readonly users_own?: string;
  readonly mine_functions?: Readonly<Record<string, unknown>>;
  readonly brinicle: Readonly<Record<string, unknown>> & { readonly error?: string };
}

const describeSalt = await requireOrSkip('Salt');

describeSalt.each<SaltRelease>(['3008', '3006'])('ext_pillar under Salt %s', (release) => {
  let modules: ModulesRoot;

  beforeAll(async () => {
    modules = await ModulesRoot.start(release);
  });

  afterAll(async () => {
    await modules?.stop();
  });

  function hostFile(minion: string): string {
    const digest = createHash('sha256').update(minion).digest('hex');
    return `${PILLAR_FOLDER}/hosts/${digest.slice(0, 2)}/${digest}.json`;
  }

  const hostFunctions = { 'ssh.user_keys': [{ user: 'root' }, { private: false }] };
  const serverFunctions = { 'ssh.host_keys': [{ private: false }] };
  const pushKey = { path: '/etc/brinicle/id_ed25519', type: 'ed25519' };

  async function pillarOf(minion: string): Promise<OurPillar> {
    return (await modules.pillarOf(minion)) as OurPillar;
  }

  async function writeDefaults(): Promise<void> {
    const defaults = { format: 1, server: 'backup', key: pushKey, mine_functions: hostFunctions };
    const recipients = { '1f': 'a key', '2e': 'another' };
    const text = JSON.stringify({ ...defaults, recipients, server_mine_functions: serverFunctions });
    await modules.root.writeFile(`${PILLAR_FOLDER}/defaults.json`, text);
  }

  beforeAll(async () => {
    await writeDefaults();
    for (const minion of ['web1', 'backup']) {
      const document = { format: 1, minion, brinicle: { account: `bk-${minion}` } };
      await modules.root.writeFile(hostFile(minion), JSON.stringify(document));
    }
  });

  it("gives a compiled minion its own data beside a user's own ext_pillar, and merges mine_functions", async () => {
    const pillar = {
      backup_minute: 17,
      users_own: 'web1',
      mine_functions: { 'test.ping': [], ...hostFunctions },
      brinicle: { account: 'bk-web1' },
    };
    expect(await pillarOf('web1')).toEqual(pillar);
    const argv = ['salt-run', 'pillar.show_pillar', 'web1', '--out=json'];
    expect(JSON.parse((await modules.root.mustExec(argv)).stdout)).toEqual(pillar);
    expect((await pillarOf('backup')).mine_functions).toEqual({ 'test.ping': [], ...serverFunctions });
  });

  it("puts the recipients' keys where a host's data names them, and says when it names none of this compile", async () => {
    const dataOf = (...recipients: string[]) => ({
      host: { snap: { seal: { patterns: ['*'], recipients } } },
    });
    const pillarWith = async (brinicle: unknown) => {
      const document = { format: 1, minion: 'sealing', brinicle };
      await modules.root.writeFile(hostFile('sealing'), JSON.stringify(document));
      return (await pillarOf('sealing')).brinicle;
    };
    expect(await pillarWith(dataOf('2e', '1f'))).toEqual(dataOf('another', 'a key'));
    expect(await pillarWith(dataOf())).toEqual(dataOf());
    expect(await pillarWith({ host: 'edited' })).toEqual({ host: 'edited' });
    expect((await pillarWith(dataOf('3d'))).error).toContain('names a recipient that defaults.json has not');
  });

  it('gives an unknown minion its minute, its mine functions and why there is nothing more', async () => {
    const pillar = await pillarOf('Ünknown');
    expect(pillar.backup_minute).toBe(12);
    expect(pillar.mine_functions).toMatchObject(hostFunctions);
    expect(pillar.brinicle.error).toContain('compiled nothing for this minion');
    expect(pillar.users_own).toBe('Ünknown');
  });

  const unsound: readonly (readonly [string, string, string])[] = [
    ['half-written', '{"format":1,"minion":"bro', 'half-written'],
    ['foreign', '{"format":1,"minion":"web1","brinicle":{"account":"secret"}}', 'another minion'],
    ['newer', '{"format":2,"minion":"broken","brinicle":{}}', 'newer Brinicle'],
    ['misshapen', '{"format":1,"minion":"broken","brinicle":[]}', 'has not the shape'],
    ['unsendable', '{"format":1,"minion":"broken","brinicle":{"n":36893488147419103232}}', 'cannot travel'],
    ['overlarge', ' '.repeat(1024 * 1024 + 1), 'larger than 1 MiB'],
  ];

  it('tells half-written, foreign, newer, misshapen and overlarge data apart, and gives none of it', async () => {
    for (const [, text, words] of unsound) {
      await modules.root.writeFile(hostFile('broken'), text);
      const pillar = await pillarOf('broken');
      expect(Object.keys(pillar).sort()).toEqual([
        'backup_minute',
        'brinicle',
        'mine_functions',
        'users_own',
      ]);
      expect(Object.keys(pillar.brinicle).sort()).toEqual(['error', 'key']);
      expect(pillar.brinicle['key']).toEqual(pushKey);
      expect(pillar.brinicle.error).toContain(words);
      expect(pillar.brinicle.error).not.toContain('web1');
    }
  });

  it('does not hang on a named pipe, and does not follow a link', async () => {
    const file = hostFile('broken');
    await modules.root.mustExec(['sh', '-c', 'rm "$1"; mkfifo "$1"', 'sh', file]);
    expect((await pillarOf('broken')).brinicle.error).toContain('not a regular file');
    await modules.root.mustExec(['ln', '-sf', hostFile('web1'), file]);
    expect((await pillarOf('broken')).brinicle.error).toContain('not a regular file');
  });

  it('keeps the minute and says what is wrong when defaults or the whole folder are missing or damaged', async () => {
    await modules.root.writeFile(`${PILLAR_FOLDER}/defaults.json`, '{"format":1,');
    const damaged = await pillarOf('web1');
    expect(damaged).toEqual({
      backup_minute: 17,
      users_own: 'web1',
      mine_functions: { 'test.ping': [] },
      brinicle: { error: expect.stringContaining('defaults.json is not JSON') },
    });
    await modules.root.mustExec(['rm', `${PILLAR_FOLDER}/defaults.json`]);
    expect((await pillarOf('web1')).brinicle.error).toContain('defaults.json does not exist');
    await modules.root.mustExec(['mv', PILLAR_FOLDER, `${PILLAR_FOLDER}.away`]);
    expect((await pillarOf('web1')).brinicle.error).toContain(`${PILLAR_FOLDER}, does not exist`);
    await modules.root.mustExec(['mv', `${PILLAR_FOLDER}.away`, PILLAR_FOLDER]);
    await writeDefaults();
  });

  it('never raises, for no ID and no configuration at all, nor for a file it may not read', async () => {
    const script = `
import json, logging, sys
sys.dont_write_bytecode = True
sys.path.insert(0, '${SALT_FOLDER}/_pillar')
import brinicle
logging.disable(logging.CRITICAL)
ids = ['\\ud800', None, 3, b'x', '', 'a' * 100000, '../../etc', 'a\\0b']
folders = [${JSON.stringify(PILLAR_FOLDER)}, None, 3, '', 'relative', '/nowhere', '/dev/null', '/a\\0b', '/\\ud800']
for data in folders:
  for minion in ids:
      answer = brinicle.ext_pillar(minion, {}, data=data)
      assert 0 <= answer['backup_minute'] < 60 and answer['brinicle']['error'], answer
      assert 'defect' not in answer['brinicle']['error'], answer
      json.dumps(answer, ensure_ascii=False).encode()
print(brinicle.ext_pillar('web1', {}, ${JSON.stringify(PILLAR_FOLDER)})['brinicle']['error'])
`;
    await modules.root.mustExec(['chmod', '600', `${PILLAR_FOLDER}/defaults.json`]);
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const { stdout } = await modules.root.mustExec([...nobody, 'python3', '-'], { stdin: script });
    expect(stdout).toContain('may not read');
    await modules.root.mustExec(['chmod', '644', `${PILLAR_FOLDER}/defaults.json`]);
  });

  it('assigns the SLS by master_tops to minions that are compiled, and to no other', async () => {
    const script = `
import salt.config, salt.loader
opts = salt.config.master_config('/etc/salt/master')
top = salt.loader.tops(opts)['brinicle']
print([top(opts={'id': minion}, grains={}) for minion in ('web1', 'unknown', '\\ud800', None)])
`;
    const { stdout } = await modules.root.mustExec(['/opt/salt/bin/python3', '-'], { stdin: script });
    expect(stdout.trim().split('\n').at(-1)).toBe("[{'base': ['brinicle']}, {}, {}, {}]");
  });
});
