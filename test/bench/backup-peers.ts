/**
 * What Brinicle is measured beside, as scripts of bash: each pushes the same folder over the same sshd into an ordinary
 * account, with the same niceness as snap.
 */
export interface BackupPeer {
  name: string;
  /** Makes its destination anew. */
  fresh: string;
  push: string;
}

/** Where the disk of the bench is mounted. */
export const BENCH_DISK = '/bench';

/** What the policy gives snap by default; a peer that is not as nice would look faster on a busy machine. */
const AS_NICE = 'nice -n 10 ionice -c 3';

const PEER_HOME = `${BENCH_DISK}/peer`;

/** Where rsnapshot keeps its versions. */
export const SNAPSHOTS = `${BENCH_DISK}/rsnapshot`;

/** Makes the account, its key and the configurations. Its number is none of those that hosts are limited by. */
export const SET_UP_PEERS = `
useradd --uid 1500 --create-home --home-dir ${PEER_HOME} --shell /bin/bash peer
mkdir -p -m 700 /root/.ssh
ssh-keygen -q -t ed25519 -N '' -f /root/.ssh/peer
install -d -o peer -g peer -m 700 ${PEER_HOME}/.ssh
install -o peer -g peer -m 600 /root/.ssh/peer.pub ${PEER_HOME}/.ssh/authorized_keys
echo "127.0.0.1 $(cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub)" > /root/.ssh/known_hosts
cat > /root/.ssh/config <<'END'
Host peer
  HostName 127.0.0.1
  User peer
  IdentityFile /root/.ssh/peer
  BatchMode yes
END
tr '|' '\\t' > /etc/rsnapshot-bench.conf <<'END'
config_version|1.2
snapshot_root|${SNAPSHOTS}/
cmd_cp|/bin/cp
cmd_rm|/bin/rm
cmd_rsync|/usr/bin/rsync
retain|alpha|1000
verbose|1
loglevel|1
lockfile|/run/rsnapshot.pid
backup|${PEER_HOME}/rsync/|./
END
`;

/** Variables that the programs below go by. */
export const PEER_VARIABLES: Readonly<Record<string, string>> = {
  RESTIC_REPOSITORY: 'sftp:peer:restic',
  RESTIC_PASSWORD: 'bench',
  RESTIC_CACHE_DIR: `${BENCH_DISK}/restic-cache`,
  BORG_REPO: 'peer:borg',
  BORG_BASE_DIR: `${BENCH_DISK}/borg-base`,
  BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes',
};

/** rsync with options, of a folder, which is then all that lies in the destination. */
export function rsync(options: string, folder: string): BackupPeer {
  return {
    name: `rsync ${options}`,
    fresh: `rm -rf ${PEER_HOME}/rsync`,
    push: `${AS_NICE} rsync ${options} ${folder}/ peer:rsync/`,
  };
}

/** `rsync -a`, and the server's disk then synced once: snap too has there what it says it has sent. */
export function durableRsync(folder: string): BackupPeer {
  const { fresh, push } = rsync('-a', folder);
  return { name: 'rsync -a and sync', fresh, push: `${push}; sync -f ${PEER_HOME}` };
}

/** Makes a version of what rsync has pushed, by hard links, on the server. */
export const RSNAPSHOT: BackupPeer = {
  name: 'rsnapshot',
  fresh: `rm -rf ${SNAPSHOTS}`,
  push: `${AS_NICE} rsnapshot -c /etc/rsnapshot-bench.conf alpha`,
};

/** restic by SFTP, with its cache. */
export function restic(folder: string): BackupPeer {
  return {
    name: 'restic',
    fresh: `rm -rf ${PEER_HOME}/restic "$RESTIC_CACHE_DIR"; restic --quiet init`,
    push: `${AS_NICE} restic --quiet backup ${folder}`,
  };
}

/** borg by ssh, which neither encrypts nor compresses. */
export function borg(folder: string): BackupPeer {
  return {
    name: 'borg',
    fresh: `rm -rf ${PEER_HOME}/borg "$BORG_BASE_DIR"; borg init --encryption none`,
    push: `${AS_NICE} borg create --compression none '::{now:%H%M%S%f}' ${folder}`,
  };
}
