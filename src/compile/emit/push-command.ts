/**
 * The only thing that a host's account may run: sshd's own SFTP, with the requests that a push needs.
 * It stands in the sshd drop-in and in each key's line, so that an administrator's Match alone cannot open a shell.
 */
export const PUSH_COMMAND =
  'internal-sftp -u 0577 -d /inbox -p open,close,write,read,fsync,stat,lstat,fstat,realpath,posix-rename,statvfs,limits,remove';
