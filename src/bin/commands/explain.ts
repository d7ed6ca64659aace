import { compileFleet } from '../../compile/compile-fleet.ts';
import { pillarFile } from '../../compile/emit/pillar.ts';
import type { Files } from '../../io/ports.ts';
import { readInputs } from '../../io/read-inputs.ts';
import { backupMinute } from '../../model/backup-minute.ts';
import type { HostStanding } from '../../model/fleet.ts';
import { error, hasErrors, printable } from '../../model/problem.ts';
import { fingerprint } from '../../model/ssh-public-key.ts';
import { EXIT, type ExitCode, printProblems, type Terminal } from '../terminal.ts';
import { type FleetOptions, inputPaths, outputFolder } from './fleet-options.ts';

function standingLines(standing: HostStanding): string[] {
  if (standing.kind === 'active') {
    const { account, uid, key } = standing.locked;
    return [
      `standing   active, by entry ${standing.ruleIndex + 1} of hosts:`,
      `match      ${[...(standing.rule.match ?? []), ...(standing.rule.role ?? []).map((role) => `role ${role}`)].map((text) => printable(text)).join(', ')}`,
      `include    ${standing.rule.include.map((text) => printable(text)).join(', ')}`,
      `exclude    ${standing.rule.exclude.map((text) => printable(text)).join(', ') || 'nothing'}`,
      `account    ${account}, uid ${uid}`,
      `push key   ${key.split(' ')[0]} ${fingerprint(key)}`,
    ];
  }
  if (standing.kind === 'retired')
    return [
      `standing   retired; ${standing.locked.account} and uid ${standing.locked.uid} are never given again`,
    ];
  return [`standing   ${standing.kind}: ${standing.why}`];
}

/** `explain HOST`: what a compile makes of one minion ID, and every problem of it. */
export async function explainCommand(
  minionId: string,
  options: FleetOptions,
  files: Files,
  terminal: Terminal,
): Promise<ExitCode> {
  const read = await readInputs(inputPaths(options), files);
  if (read.inputs === undefined) {
    printProblems(terminal, read.problems);
    return EXIT.problems;
  }
  const compiled = compileFleet(read.inputs);
  const host = compiled.fleet.hosts.find((candidate) => candidate.minionId === minionId);
  const isServer = minionId === read.inputs.policy.server.name;
  const own = [...read.problems, ...compiled.problems].filter(
    (problem) => problem.host === printable(minionId),
  );
  if (host === undefined && !isServer) {
    printProblems(terminal, [
      error(
        'host-unknown',
        { host: printable(minionId) },
        'neither the mine nor the lock names it',
        'only what the mine publishes or the lock holds is compiled',
        `if its minion key is accepted: salt '${printable(minionId)}' state.apply brinicle, then take the mine anew`,
      ),
    ]);
    return EXIT.problems;
  }
  const lines = [
    `minion     ${printable(minionId)}`,
    `minute     ${backupMinute(minionId)}  (crc32 of the minion ID, modulo 60)`,
    ...(host === undefined ? ['standing   the backup server'] : standingLines(host.standing)),
    `pillar     ${outputFolder(options)}/pillar/${pillarFile(minionId)}`,
  ];
  terminal.out(`${lines.join('\n')}\n`);
  printProblems(terminal, own);
  return hasErrors(own) ? EXIT.problems : EXIT.fine;
}
