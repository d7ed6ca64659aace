import type { Outcome } from '../throwaway/run-program.ts';
import type { BackupLab } from './backup-lab.ts';

/** Waits until the server has noticed that a host's last connection is gone: an account may have only a few at once. */
export async function sessionsEnd(lab: BackupLab, host: string): Promise<void> {
  const account = lab.fleet.account(host);
  await lab.script(`for n in $(seq 200); do pgrep -u ${account} > /dev/null || break; sleep 0.05; done`);
}

/** Runs snap as a host, which ends as by kill -9 at a fault point. */
export async function killedSnap(lab: BackupLab, host: string, point: string): Promise<Outcome> {
  const ran = await lab.snap(host, [], { BRINICLE_FAULT_POINT: point });
  await sessionsEnd(lab, host);
  return ran;
}
