import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { machineSources } from './apt-sources.ts';

let etcApt = '';

beforeEach(() => {
  etcApt = mkdtempSync(join(tmpdir(), 'apt-sources-'));
  mkdirSync(join(etcApt, 'sources.list.d'));
});

afterEach(() => rmSync(etcApt, { recursive: true }));

const release = { uri: 'http://mirror.test/debian', suite: 'bookworm', components: ['main'] };
const security = { uri: 'http://mirror.test/security', suite: 'bookworm-security', components: ['main'] };

describe("the machine's own apt sources", () => {
  test('are read in the one-line format, the release first, and of no other suite', () => {
    writeFileSync(
      join(etcApt, 'sources.list'),
      `# deb http://mirror.test/old bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://mirror.test/security bookworm-security main # comment
deb-src http://mirror.test/debian bookworm main
deb http://other.test/tools stable main
deb http://mirror.test/debian bookworm main
`,
    );
    expect(machineSources('bookworm', etcApt)).toEqual([release, security]);
  });

  test('are read in the deb822 format, with comments, several suites and disabled paragraphs', () => {
    writeFileSync(
      join(etcApt, 'sources.list.d', 'debian.sources'),
      `Types: deb
# a comment amid the paragraph
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main

Enabled: no
Types: deb
URIs: http://mirror.test/off
Suites: bookworm
Components: main

Types: deb deb-src
URIs: http://mirror.test/security
Suites: bookworm-security
Components: main
`,
    );
    expect(machineSources('bookworm', etcApt)).toEqual([
      release,
      { ...release, suite: 'bookworm-updates' },
      security,
    ]);
  });

  test('are followed into the mirror list of a cloud image', () => {
    const list = join(etcApt, 'mirrors.list');
    writeFileSync(list, 'http://mirror.test/debian\tpriority:1\nhttp://second.test/debian\n');
    writeFileSync(join(etcApt, 'sources.list'), `deb mirror+file:${list} bookworm main\n`);
    expect(machineSources('bookworm', etcApt)).toEqual([release]);
  });

  test('are an error where the release itself is not among them', () => {
    writeFileSync(join(etcApt, 'sources.list'), 'deb http://mirror.test/debian trixie main\n');
    expect(() => machineSources('bookworm', etcApt)).toThrow('no apt source for bookworm main');
  });
});
