import { join } from 'node:path';
import policyTemplate from '../../../templates/brinicle.yaml.njk';
import { fillTemplate } from '../../compile/emit/fill-template.ts';
import type { Files } from '../../io/ports.ts';
import { readStoreName } from '../../model/ice/store-location.ts';
import { minionIdFault } from '../../model/minion-id.ts';
import { error, type Problem, printable } from '../../model/problem.ts';
import { yamlScalars } from '../../model/yaml-scalars.ts';
import { EXIT, type ExitCode, printProblems, type Terminal } from '../terminal.ts';
import { schemaText } from './schema.ts';

/** Options of `init`. */
export interface InitOptions {
  server: string;
  recipient: string;
  store?: string;
}

function nextSteps(folder: string, server: string): string {
  return `next, in ${folder} on the Salt master:
  echo '{}' > mine.json && brinicle compile    # one error is expected: no host keys yet
  put out/master.d/zz-brinicle.conf into /etc/salt/master.d (read its head first), restart the master
  add out/top-lines.sls to your top.sls
  salt '*' saltutil.sync_all && salt '*' state.apply brinicle
  salt-run mine.get '*' ssh.user_keys --out=json > mine.json
  salt-run mine.get '${server}' ssh.host_keys --out=json > host-keys.json
  salt-key -L --out=json > accepted.json
  brinicle compile && git add -A && git diff --cached
`;
}

/** What is wrong with the store that a first policy is to name. */
function faultOfStore(given: string | undefined): string | undefined {
  if (given === undefined) return 'say where the images go: gs://BUCKET or /FOLDER';
  const read = readStoreName(given);
  return 'fault' in read ? printable(read.fault) : undefined;
}

/** `init [DIR]`: writes a first policy and its schema; never over a file that is there. */
export function initCommand(
  folder: string,
  options: InitOptions,
  files: Files,
  terminal: Terminal,
): ExitCode {
  const fault = minionIdFault(options.server);
  const storeFault = options.recipient === 'none' ? undefined : faultOfStore(options.store);
  if (storeFault !== undefined) {
    terminal.err(`error: --store: ${storeFault}\n`);
    return EXIT.usage;
  }
  if (fault !== undefined || /\p{C}/u.test(options.recipient)) {
    const [option, given] =
      fault === undefined ? ['--recipient', options.recipient] : ['--server', options.server];
    terminal.err(
      `error: ${option} ${printable(given)} cannot be used: ${fault ?? 'it holds a control character'}\n`,
    );
    return EXIT.usage;
  }
  const [server = '', recipient = '', store = ''] = yamlScalars([
    options.server,
    options.recipient,
    options.store ?? '',
  ]);
  const text = fillTemplate(policyTemplate, { server, recipient, store });
  const problems: Problem[] = [];
  for (const [name, content] of [
    ['brinicle.yaml', text],
    ['brinicle.schema.json', schemaText('policy')],
    ['.gitignore', '__pycache__/\n'],
  ] as const) {
    const unwritten = files.createFile(join(folder, name), content);
    if (unwritten === undefined) terminal.out(`wrote ${join(folder, name)}\n`);
    else
      problems.push(
        error(
          'output-unwritable',
          { at: { file: join(folder, name) } },
          printable(unwritten),
          'a file that is there is yours, and is not written over',
          'choose another folder, or move the file away',
        ),
      );
  }
  printProblems(terminal, problems);
  if (problems.length > 0) return EXIT.problems;
  terminal.out(nextSteps(folder, printable(options.server)));
  return EXIT.fine;
}
