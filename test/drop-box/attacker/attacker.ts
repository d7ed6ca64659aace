import { setTimeout as sleep } from 'node:timers/promises';
import { fillInbox, takeAll } from './greed.ts';
import type { Job } from './job.ts';
import { logIn, sftpOf } from './login.ts';
import { push } from './push.ts';
import { RequestTable } from './request-table.ts';
import { type Answer, REQUEST, type SftpWire, text } from './sftp-wire.ts';
import { sessionsOfOneConnection, waysIn, waysOut } from './ways-in.ts';

/** Message types that SFTP 3 has not; a server that knew one would answer. */
const UNKNOWN_TYPES = [0, 2, 21, 22, 23, 24, 105, 255];

/** Asks until an answer comes: OpenSSH looks at one packet for each arrival of bytes, and one is used up. */
async function stillAnswers(wire: SftpWire): Promise<boolean> {
  let answer: Answer | undefined;
  for (let asked = 0; asked < 100 && answer === undefined; asked += 1) {
    void wire.request(REQUEST.realpath, text('/')).then((given) => {
      answer ??= given;
    });
    await sleep(20);
  }
  return answer?.status === 0;
}

/** Sends what is no request, and says whether the session goes on as if nothing had come. */
async function unknownTypes(job: Job): Promise<string[]> {
  const outcomes: string[] = [];
  for (const type of UNKNOWN_TYPES) {
    const client = await logIn(job);
    const wire = await sftpOf(client);
    wire.sendOnly(type);
    outcomes.push((await stillAnswers(wire)) ? 'ignored' : 'the session ended');
    client.destroy();
  }
  return outcomes;
}

async function run(job: Job): Promise<unknown> {
  switch (job.work) {
    case 'push':
      return push(job, job.name, job.contents);
    case 'requests': {
      const client = await logIn(job);
      const rows = await new RequestTable(await sftpOf(client), job.targets).fill();
      client.destroy();
      return rows;
    }
    case 'unknown types':
      return unknownTypes(job);
    case 'ways in':
      return waysIn(job, job.foreignKey);
    case 'ways out':
      return waysOut(job);
    case 'sessions':
      return sessionsOfOneConnection(job);
    case 'take all':
      return takeAll(job);
    case 'fill':
      return fillInbox(job, job.fileBytes, job.mostFiles);
  }
}

async function main(): Promise<void> {
  let given = '';
  for await (const chunk of process.stdin) given += chunk;
  process.stdout.write(JSON.stringify(await run(JSON.parse(given) as Job)));
  // Connections that the server still holds must not keep it alive.
  process.exit(0);
}

void main();
