import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SnapConfig } from '../../src/model/snap-config.ts';
import { repositoryFolder } from '../throwaway/base.ts';
import type { BackupLab } from './backup-lab.ts';

const PROGRAM = '/usr/local/lib/brinicle-test/cutting-proxy.cjs';

/** Starts a proxy before sshd in the lab's root, instead of the one that listened on the port before. */
export async function startProxy(lab: BackupLab, port: number, ...limits: string[]): Promise<void> {
  if (!(await lab.root.exists(PROGRAM)))
    await lab.root.writeFile(
      PROGRAM,
      readFileSync(join(repositoryFolder(), 'test/backup/cutting-proxy.cjs')),
    );
  await stopProxy(lab, port);
  const unit = `proxy-${port}`;
  await lab.root.mustExec([
    'systemd-run',
    '-q',
    `--unit=${unit}`,
    'node',
    PROGRAM,
    String(port),
    '22',
    ...limits,
  ]);
  await lab.script(
    `for n in $(seq 200); do ss -Hltn sport = :${port} | grep -q . && exit 0; sleep 0.05; done; exit 1`,
  );
}

/** Ends it. */
export async function stopProxy(lab: BackupLab, port: number): Promise<void> {
  await lab.root.exec(['sh', '-c', `systemctl stop proxy-${port}; systemctl reset-failed proxy-${port}`]);
}

/** A host's configuration with the proxy for its server, whose host keys are pinned for it too. */
export async function useProxy(
  lab: BackupLab,
  host: string,
  port: number,
  changes: Partial<SnapConfig> = {},
): Promise<void> {
  const config = lab.snapConfig(host);
  await lab.script(
    `sed -n 's/^[^ ]* /[127.0.0.1]:${port} /p' ${config.known_hosts} > ${config.known_hosts}-${port}`,
  );
  await lab.writeSnapConfig(host, {
    ...config,
    ...changes,
    known_hosts: `${config.known_hosts}-${port}`,
    server: { address: '127.0.0.1', port },
  });
}
