import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { differencesTo } from '../restore/scratch.ts';
import { repositoryFolder } from '../throwaway/base.ts';
import { type MadeImage, makeImage, makeSquashfs, putImage } from './make-image.ts';
import { requireIce } from './require-ice.ts';
import { withOffice } from './with-office.ts';

const program = join(repositoryFolder(), 'dist/brinicle.mjs');

const SLOW = 120_000;

requireIce()('promise 5: a restore that is killed goes on where it was', () => {
  let full: MadeImage;
  let increment: MadeImage;
  const office = withOffice((made) => {
    const { scratch, archive, store, gpg, recipient } = made;
    const usual = { archive, store, gpg, recipients: [recipient] };
    full = makeImage({ ...usual, began: '2026-11-01T030000Z' });
    // The manifests alone: all objects are in the full one.
    const later = join(scratch, 'later');
    cpSync(archive, later, { recursive: true, filter: (from) => !from.includes('/objects') });
    const squashfs = makeSquashfs(later, join(scratch, 'squashfs'));
    increment = putImage(squashfs, {
      ...usual,
      archive: later,
      began: '2026-11-15T030000Z',
      chain: [full.name],
      partBytes: 4096,
    });
  });

  interface Scene {
    box: string;
    store: string;
    to: string;
    args: string[];
    env: NodeJS.ProcessEnv;
  }

  function scene(...more: string[]): Scene {
    const box = mkdtempSync(join(office().scratch, 'box-'));
    const [store, to, temporary] = [join(box, 'store'), join(box, 'to'), join(box, 'tmp')];
    cpSync(office().store, store, { recursive: true, preserveTimestamps: true });
    mkdirSync(temporary);
    return {
      box,
      store,
      to,
      args: [program, 'ice', 'restore', '--store', store, '--to', to, ...more],
      env: { ...process.env, GNUPGHOME: office().gpg.home, TMPDIR: temporary },
    };
  }

  interface Ended {
    code: number | null;
    signal: NodeJS.Signals | null;
    err: string;
  }

  function run({ args, env }: Scene, point = ''): Ended {
    const ran = spawnSync(process.execPath, args, {
      env: { ...env, BRINICLE_FAULT_POINT: point },
      encoding: 'utf8',
    });
    return { code: ran.status, signal: ran.signal, err: ran.stderr };
  }

  function mustBeThere({ to }: Scene, about: string): void {
    const left = differencesTo(office().archive, to).filter((line) => !line.startsWith('.'));
    expect(left, about).toEqual([]);
  }

  /** Takes away what parts hold, but for their names and sizes: who asks for them again is found out. */
  function blank(store: string, image: MadeImage, parts: number): void {
    for (const { name, bytes } of image.index.parts.slice(0, parts))
      writeFileSync(join(store, image.name, name), Buffer.alloc(bytes));
  }

  test(
    'at every point, once and at the next one again',
    () => {
      const whole = scene();
      const { code, err } = run(whole, '?');
      expect(code).toBe(0);
      mustBeThere(whole, 'not killed');
      const points = [...err.matchAll(/^fault point: (.+)$/gm)].map(([, name = '']) => name);
      expect(new Set(points)).toEqual(new Set(['part', 'fetched', 'unpacked', 'merged', 'noted']));
      const seen = new Map<string, number>();
      for (const point of points) {
        const times = (seen.get(point) ?? 0) + 1;
        seen.set(point, times);
        const killed = scene();
        const about = `${point}:${times}`;
        expect(run(killed, about), about).toMatchObject({ signal: 'SIGKILL' });
        // After the last part there is none to be killed at.
        const again = run(killed, point);
        if (again.signal === 'SIGKILL') expect(run(killed), about).toMatchObject({ code: 0 });
        else expect(again, about).toMatchObject({ code: 0 });
        mustBeThere(killed, about);
        expect(readdirSync(killed.box).sort(), about).toEqual(['store', 'tmp', 'to']);
      }
    },
    SLOW,
  );

  test(
    'what was fetched and is right is not fetched again',
    () => {
      const killed = scene();
      const parts = increment.index.parts.length;
      expect(parts).toBeGreaterThan(1);
      // All of the increment, and two parts of the full image.
      expect(run(killed, `part:${parts + 2}`)).toMatchObject({ signal: 'SIGKILL' });
      blank(killed.store, increment, parts);
      blank(killed.store, full, 2);
      expect(run(killed)).toMatchObject({ code: 0 });
      mustBeThere(killed, 'resumed');
    },
    SLOW,
  );

  test(
    'what lies in the work folder and is not right any more is fetched again',
    () => {
      const killed = scene('--host', 'web1');
      const parts = increment.index.parts.length;
      expect(run(killed, `part:${parts + 3}`)).toMatchObject({ signal: 'SIGKILL' });
      // As after a power cut: the second part never came to the disk.
      const squashfs = join(killed.box, 'brinicle-ice', `${full.name}.squashfs`);
      const bytes = readFileSync(squashfs);
      bytes.fill(0, 262_144, 2 * 262_144);
      writeFileSync(squashfs, bytes);
      blank(killed.store, full, 1);
      expect(run(killed)).toMatchObject({ code: 0 });
      expect(differencesTo(office().tree, killed.to)).toEqual(['cS+++++++++ links/socket']);
    },
    SLOW,
  );

  test(
    'stopped by a signal it says how to go on, and leaves no key behind',
    async () => {
      const key = join(office().scratch, 'key.asc');
      writeFileSync(key, office().gpg.privateKey(office().recipient), { mode: 0o600 });
      const stopped = scene('--key', key);
      const temporary = join(stopped.box, 'tmp');
      const killed = run(stopped, 'part');
      expect(killed).toMatchObject({ signal: 'SIGKILL' });
      expect(readdirSync(temporary)).toHaveLength(1);
      // A store that gives a part slowly: a fifo cannot be one, so gpg is what hangs.
      const bin = join(stopped.box, 'tmp-bin');
      mkdirSync(bin);
      const gpg = spawnSync('which', ['gpg'], { encoding: 'utf8' }).stdout.trim();
      writeFileSync(
        join(bin, 'gpg'),
        `#!/bin/sh\ncase " $* " in *" --decrypt "*) echo decrypting >&2; touch ${bin}/hangs; exec sleep 600;; esac\nexec ${gpg} "$@"\n`,
        { mode: 0o755 },
      );
      const child: ChildProcess = spawn(process.execPath, stopped.args, {
        env: { ...stopped.env, PATH: `${bin}:${process.env['PATH']}` },
        stdio: ['ignore', 'ignore', 'pipe'],
      });
      let err = '';
      child.stderr?.on('data', (text) => {
        err += String(text);
      });
      await expect.poll(() => readdirSync(bin), { timeout: SLOW / 2 }).toContain('hangs');
      // The keyring of the run that was killed is gone, this run has its own.
      const [own, ...others] = readdirSync(temporary);
      expect(others).toEqual([]);
      expect(own).toContain(`brinicle-key-${child.pid}-`);
      child.kill('SIGTERM');
      const code = await new Promise((settle) => {
        child.on('close', settle);
      });
      expect(code).toBe(1);
      expect(err).toMatch(/error \[ice-interrupted\] it was stopped by SIGTERM/);
      expect(readdirSync(temporary)).toEqual([]);
      expect(run(stopped)).toMatchObject({ code: 0 });
      mustBeThere(stopped, 'stopped');
    },
    SLOW,
  );

  test(
    'nobody but its owner may enter where it works',
    () => {
      const watched = scene();
      expect(run(watched, 'unpacked')).toMatchObject({ signal: 'SIGKILL' });
      const listed = spawnSync(
        'find',
        [join(watched.box, 'brinicle-ice'), '-maxdepth', '1', '-printf', '%m %f\n'],
        {
          encoding: 'utf8',
        },
      ).stdout;
      expect(listed).toContain('700 brinicle-ice\n');
      expect(listed).toMatch(/^600 .*\.squashfs$/m);
      expect(listed).toContain('700 unpacked\n');
    },
    SLOW,
  );
});
