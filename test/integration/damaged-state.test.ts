import { afterAll, beforeAll, expect, test } from 'vitest';
import { lookAtArchive } from '../backup/archive-look.ts';
import { BackupLab } from '../backup/backup-lab.ts';
import { killedSnap } from '../backup/killed-snap.ts';
import { allowManyVersions, rotateDespiteAlarms } from '../backup/trees.ts';
import { requireOrSkip } from '../throwaway/require-or-skip.ts';

const suite = await requireOrSkip('sshd');

const SEED = Number(process.env['SEED'] ?? Math.floor(Math.random() * 1e9));

const HOST = 'web1';

const DATA = BackupLab.data(HOST);

const STATE = `/lab/${HOST}/state`;

const SMALL = { pack_bytes: 2 ** 23, blocks_above: 2 ** 22 };

/** Ways in which a disk, a crash or a person damages a file. */
const DAMAGES = {
  'some bytes': `python3 - "$file" $seed <<'PY'
import random, sys
chance = random.Random(int(sys.argv[2]))
with open(sys.argv[1], 'r+b') as file:
    content = bytearray(file.read())
    for _ in range(3 if content else 0):
        content[chance.randrange(len(content))] = chance.randrange(256)
    file.seek(0); file.write(content)
PY`,
  'one digit': `python3 - "$file" $seed <<'PY'
import random, re, sys
chance = random.Random(int(sys.argv[2]))
with open(sys.argv[1], 'r+b') as file:
    content = bytearray(file.read())
    digits = [match.start() for match in re.finditer(rb'[0-9]', bytes(content))]
    if digits:
        content[chance.choice(digits)] = ord(str(chance.randrange(10)))
    file.seek(0); file.write(content)
PY`,
  'cut short': `truncate -s $(( $(stat -c %s "$file") * 2 / 3 )) "$file"`,
  empty: `: > "$file"`,
  gone: `rm "$file"`,
};

suite('promise 3: what a host remembers may be damaged, and its next push is right', () => {
  let lab: BackupLab;

  beforeAll(async () => {
    process.stdout.write(`seed ${SEED}\n`);
    lab = await BackupLab.start();
    await allowManyVersions(lab);
    await lab.writeSnapConfig(HOST, { ...lab.snapConfig(HOST), ...SMALL });
    await lab.script(`cd ${DATA}; mkdir small; for n in $(seq 200); do echo $n $RANDOM > small/$n; done
      head -c 9000000 /dev/urandom > large; head -c 20000000 /dev/urandom > other
      find . -exec touch -hd '2 hours ago' {} +; sleep 2.1`);
    await lab.push(HOST);
    await rotateDespiteAlarms(lab);
  });

  afterAll(async () => {
    await lab?.stop();
  });

  let round = 0;

  const edit = (): Promise<string> => {
    round++;
    return lab.script(`cd ${DATA}; echo ${round} > small/${round}; printf ${round} | dd of=large bs=1 seek=$((${round} * 70000)) conv=notrunc status=none
      head -c 5000 /dev/urandom >> other`);
  };

  /** Leaves a push that died in its second pack. */
  async function interrupted(): Promise<void> {
    await lab.script(`cd ${DATA}; rm -f new-*; head -c 18000000 /dev/urandom > new-${round}`);
    const killed = await killedSnap(lab, HOST, 'pack finished:2');
    expect(killed.code).toBe(137);
  }

  const filesOfState = async (): Promise<string[]> =>
    (await lab.script(`cd ${STATE}; find . -type f -not -name lock -not -path './hooks/*' | sort`))
      .split('\n')
      .filter((name) => name !== '');

  async function mustBeRight(about: string): Promise<void> {
    const pushed = await lab.push(HOST);
    await rotateDespiteAlarms(lab);
    const { faults, versions } = await lookAtArchive(lab.root, lab.archive(HOST));
    expect({ faults, newest: versions.at(-1) }, about).toEqual({ faults: [], newest: pushed.manifest });
    // Read anew, the tree is the same: nothing that changed was taken for what it had been.
    const whole = await lab.push(HOST, '--rehash');
    expect(whole, about).toMatchObject({ changed: false, manifest: pushed.manifest });
    await rotateDespiteAlarms(lab);
  }

  test('each file of it in turn, by some bytes, one digit, cut short, emptied or removed', async () => {
    const damages = Object.entries(DAMAGES);
    await edit();
    await interrupted();
    const files = await filesOfState();
    for (const kind of ['remembered', 'journal', 'unfinished.blocks', 'running', 'trees/', 'blocks/'])
      expect(files.join(' ')).toContain(kind);
    for (const [index, file] of files.entries()) {
      // In CI one damage for each file, another one in each run.
      const some = process.env['LONG'] ? damages : damages.slice((SEED + index) % damages.length).slice(0, 1);
      for (const [name, damage] of some) {
        const seed = SEED + index;
        await edit();
        if (/journal|unfinished|running|install/.test(file)) await interrupted();
        await lab.script(`cd ${STATE}; [ -e '${file}' ] || exit 0; file='${file}' seed=${seed}\n${damage}`);
        await mustBeRight(`${name}, ${file}, seed ${seed}`);
      }
    }
  });

  test('all of it gone', async () => {
    await edit();
    await lab.script(`rm -rf ${STATE}`);
    await mustBeRight('gone');
  });

  test('a clock that went back an hour, or was far ahead: as remembered times from the future', async () => {
    for (const ahead of [3600, 400 * 86_400]) {
      await edit();
      await interrupted();
      // As if all of it had been remembered by a clock that was ahead.
      await lab.script(`cd ${STATE}; python3 - ${ahead} <<'PY'
import hashlib, json, sys
for name, keys in (('journal.json', ('began', 'at')), ('remembered.json', ('fullAsked',))):
    with open(name) as file:
        value = json.loads(file.read().split('\\n')[0])
    for key in keys:
        value[key] = (value[key] or 0) + int(sys.argv[1])
    if value.get('last'):
        value['last']['at'] += int(sys.argv[1])
    text = json.dumps(value, separators=(',', ':'))
    with open(name, 'w') as file:
        file.write(text + '\\n' + hashlib.sha256(text.encode()).hexdigest() + '\\n')
PY`);
      await mustBeRight(`${ahead} s ahead`);
    }
  });

  test('files whose times lie in the future, or go back, are read again when they change', async () => {
    await lab.script(
      `cd ${DATA}; touch -d '2099-01-01' small/100; echo same-size > small/101; touch -d '1999-01-01' small/101`,
    );
    await mustBeRight('future');
    await lab.script(
      `cd ${DATA}; echo SAME-SIZE > small/101; touch -d '1999-01-01' small/101; echo x >> small/100; touch -d '2099-01-01' small/100`,
    );
    const pushed = await lab.push(HOST);
    expect(pushed.set).toBeGreaterThanOrEqual(2);
    await mustBeRight('changed in secret');
  });
});
