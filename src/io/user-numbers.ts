import { spawnSync } from 'node:child_process';

/** uid and gid of a user of this machine; nothing when there is none. */
export function userNumbers(name: string): { uid: number; gid: number } | undefined {
  const { stdout } = spawnSync('getent', ['passwd', name], { encoding: 'latin1', timeout: 10_000 });
  const [, , uid, gid] = (stdout ?? '').split(':');
  return uid === undefined || gid === undefined ? undefined : { uid: Number(uid), gid: Number(gid) };
}
