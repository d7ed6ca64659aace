import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';

/** Asks for secrets one after the other; undefined when who was asked gave up. */
export type AskSecrets = (prompts: readonly string[]) => Promise<string[] | undefined>;

/** The terminal that the program was started on, asked without echo; undefined when standard input is none. */
export function terminalAsker(): AskSecrets | undefined {
  if (process.stdin.isTTY !== true) return undefined;
  return (prompts) =>
    new Promise((resolve) => {
      const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
      // Line editing works as usual; what would be shown goes nowhere, and no history is kept.
      const lines = createInterface({ input: process.stdin, output: silent, terminal: true, historySize: 0 });
      const given: string[] = [];
      const ask = (): void => {
        process.stderr.write(prompts[given.length] ?? '');
      };
      lines.on('line', (line) => {
        if (given.length === prompts.length) return;
        given.push(line);
        process.stderr.write('\n');
        if (given.length === prompts.length) lines.close();
        else ask();
      });
      lines.on('SIGINT', () => lines.close());
      lines.on('close', () => {
        if (given.length < prompts.length) process.stderr.write('\n');
        resolve(given.length < prompts.length ? undefined : given);
      });
      ask();
    });
}
