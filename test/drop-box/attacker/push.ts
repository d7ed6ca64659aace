import { type Credentials, logIn, sftpOf } from './login.ts';
import { OPEN, REQUEST, text } from './sftp-wire.ts';

/** What one push was answered, step by step, as statuses of SFTP: 0 is granted. */
export type PushSteps = Record<string, number>;

/** Uploads a file as a push does: part, fsync, rename; and in a second session resumes one that was cut off. */
export async function push(credentials: Credentials, name: string, contents: string): Promise<PushSteps> {
  const steps: PushSteps = {};
  const half = Math.floor(contents.length / 2);
  const first = await logIn(credentials);
  const begun = await sftpOf(first);
  steps['limits'] = (await begun.extended('limits@openssh.com')).status;
  steps['statvfs'] = (await begun.extended('statvfs@openssh.com', text('/inbox'))).status;
  const opened = await begun.open(`/inbox/${name}.part`, OPEN.write | OPEN.create);
  steps['open'] = opened.status;
  steps['write'] = (await begun.write(opened.bytes, 0, Buffer.from(contents.slice(0, half)))).status;
  steps['fsync'] = (await begun.extended('fsync@openssh.com', text(opened.bytes))).status;
  first.destroy();

  const second = await logIn(credentials);
  const resumed = await sftpOf(second);
  const stat = await resumed.request(REQUEST.stat, text(`/inbox/${name}.part`));
  steps['stat of its part'] = stat.status;
  steps['size is what was written'] = stat.bytes.readBigUInt64BE(4) === BigInt(half) ? 0 : 4;
  const again = await resumed.open(`/inbox/${name}.part`, OPEN.write);
  steps['open again'] = again.status;
  steps['write the rest'] = (
    await resumed.write(again.bytes, half, Buffer.from(contents.slice(half)))
  ).status;
  steps['fsync again'] = (await resumed.extended('fsync@openssh.com', text(again.bytes))).status;
  steps['close'] = (await resumed.close(again.bytes)).status;
  steps['rename'] = (
    await resumed.extended('posix-rename@openssh.com', text(`/inbox/${name}.part`), text(`/inbox/${name}`))
  ).status;
  steps['read back'] = (await resumed.open(`/inbox/${name}`, OPEN.read)).status;
  second.destroy();
  return steps;
}
