import { spawn } from 'node:child_process';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly stdin?: string | Uint8Array | NodeJS.ReadableStream;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

/** Runs a program of the machine to its end and collects what it printed; a non-zero exit is an answer. */
export function runProgram(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const [program = '', ...rest] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, {
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(options.env && { env: options.env as NodeJS.ProcessEnv }),
      ...(options.cwd !== undefined && { cwd: options.cwd }),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    const finish = (code: number | null, signal: NodeJS.Signals | null): void =>
      resolve({
        code: code ?? 128 + (signal === 'SIGKILL' ? 9 : 15),
        stdout: Buffer.concat(stdout).toString('utf8'),
        stderr: Buffer.concat(stderr).toString('utf8'),
      });
    child.on('error', reject);
    child.on('close', finish);
    // A daemon that the program left behind may hold its output open for ever.
    child.on('exit', (code, signal) => setTimeout(finish, 2000, code, signal).unref());
    // The program may end without reading its input.
    child.stdin.on('error', () => undefined);
    if (options.stdin !== undefined && typeof options.stdin !== 'string' && 'pipe' in options.stdin) {
      options.stdin.pipe(child.stdin);
    } else {
      child.stdin.end(options.stdin);
    }
  });
}

/** Like runProgram, and a non-zero exit is an error that carries all output. */
export async function mustRunProgram(argv: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const outcome = await runProgram(argv, options);
  if (outcome.code !== 0) throw new Error(describeFailure(argv, outcome));
  return outcome;
}

/** The command, its exit code and all its output, for an error's message. */
export function describeFailure(argv: readonly string[], outcome: Outcome): string {
  const command = argv.join(' ').slice(0, 400);
  return `${command}\nended with ${outcome.code}\n${outcome.stdout}\n${outcome.stderr}`;
}
