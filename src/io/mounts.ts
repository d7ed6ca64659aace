import { readFileSync } from 'node:fs';
import type { ByteText } from '../model/manifest/entry.ts';

/** File systems that hold no files of their own, or none that outlives the machine's next start. */
const WITHOUT_FILES = new Set([
  'autofs',
  'binfmt_misc',
  'bpf',
  'cgroup',
  'cgroup2',
  'configfs',
  'debugfs',
  'devpts',
  'devtmpfs',
  'efivarfs',
  'fuse.gvfsd-fuse',
  'fuse.lxcfs',
  'fusectl',
  'hugetlbfs',
  'mqueue',
  'nsfs',
  'overlay',
  'proc',
  'pstore',
  'ramfs',
  'rpc_pipefs',
  'securityfs',
  'selinuxfs',
  'squashfs',
  'sysfs',
  'tmpfs',
  'tracefs',
]);

const plainName = (text: string): ByteText =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/** Tells of a mount point whether files lie on it that a backup would want. Paths as in a manifest. */
export function mountsWithFiles(): (path: ByteText) => boolean {
  const types = new Map<ByteText, string>();
  // proc(5): the mount point is the fifth field, the type comes after a lone hyphen.
  for (const line of readFileSync('/proc/self/mountinfo', 'latin1').split('\n')) {
    const fields = line.split(' ');
    const type = fields[fields.indexOf('-') + 1];
    if (fields[4] !== undefined && type !== undefined) types.set(plainName(fields[4]), type);
  }
  return (path) => {
    const type = types.get(path.slice(1));
    return type !== undefined && !WITHOUT_FILES.has(type);
  };
}
