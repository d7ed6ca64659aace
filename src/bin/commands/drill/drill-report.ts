import type { Drill } from '../../../model/ice/drill-record.ts';
import { error, type Problem } from '../../../model/problem.ts';
import { byteSize, count } from '../../../report/figures.ts';
import { EXIT, type ExitCode, jsonText, printProblems, type Terminal } from '../../terminal.ts';
import type { Drilled, DrillFailure } from './drill-archive.ts';

/** Failures that are named, at most. */
const MOST_NAMED = 100;

/** Words for what was drilled, and what to do when something of it did not come back. */
export interface DrillWords {
  /** As `the archive`. */
  from: string;
  fix: (host: string) => string;
}

function failureLine({ host, version, path, what }: DrillFailure): string {
  const where = [version, path].filter((part) => part !== undefined).join(' ');
  return `${host}: ${where === '' ? '' : `${where}: `}${what}\n`;
}

function failureProblems({ failures }: Drilled, { fix }: DrillWords): Problem[] {
  const hosts = [...new Set(failures.map(({ host }) => host))];
  return hosts.map((host) => {
    const own = failures.filter((failure) => failure.host === host);
    const versions = [...new Set(own.flatMap(({ version }) => version ?? []))];
    return error(
      'drill-failed',
      { host },
      `did not come back as it was: ${count(own.length)}${versions.length === 0 ? '' : `, of ${versions.join(', ')}`}`,
      'what cannot be restored today cannot be restored on the worst day',
      fix(host),
    );
  });
}

/** The record of what a drill came to. */
export function drillOf(
  drilled: Drilled,
  at: number,
  seed: string,
  from: { kind: 'archive' } | { kind: 'ice'; image: string },
): Drill {
  const { hosts, versions, files, bytes, failures } = drilled;
  return {
    at: Math.floor(at),
    ...from,
    ok: failures.length === 0 && files > 0,
    hosts,
    versions,
    files,
    bytes,
    failed: failures.length,
    seed,
  };
}

/** Tells what a drill came to. */
export function tellDrill(
  drilled: Drilled,
  drill: Drill,
  words: DrillWords,
  json: boolean,
  terminal: Terminal,
): ExitCode {
  const { failures } = drilled;
  const { files, bytes, hosts, versions, failed, seed } = drill;
  if (json) terminal.out(jsonText({ ...drill, failures: failures.slice(0, MOST_NAMED) }));
  else {
    for (const failure of failures.slice(0, MOST_NAMED)) terminal.err(failureLine(failure));
    if (failures.length > MOST_NAMED) terminal.err(`and ${count(failures.length - MOST_NAMED)} more\n`);
    const came = `${count(files)} files, ${byteSize(bytes)}, of ${count(versions)} versions of ${count(hosts)} hosts came back from ${words.from} as they were`;
    terminal.out(`${came}${failed === 0 ? '' : `, and ${count(failed)} did not`} (--seed ${seed})\n`);
  }
  const none =
    failures.length > 0 || files > 0
      ? []
      : [
          error(
            'drill-none',
            {},
            `no file of ${words.from} was drawn`,
            'so nothing was restored, and nothing is known',
            'raise --bytes: files that are larger than their share of it are not drawn',
          ),
        ];
  printProblems(terminal, [...failureProblems(drilled, words), ...none]);
  return drill.ok ? EXIT.fine : EXIT.problems;
}
