/** Extended attributes that are POSIX ACLs, and the pax keywords that extractors restore them from. */
export const ACL_KEYWORDS: Readonly<Record<string, string>> = {
  'system.posix_acl_access': 'SCHILY.acl.access',
  'system.posix_acl_default': 'SCHILY.acl.default',
};

const VERSION = 2;
const ENTRY_BYTES = 8;

/** Who an entry is for, by its tag (linux/posix_acl.h), and whether it names somebody. */
const TAGS: Readonly<Record<number, { who: string; named: boolean }>> = {
  1: { who: 'user', named: false },
  2: { who: 'user', named: true },
  4: { who: 'group', named: false },
  8: { who: 'group', named: true },
  16: { who: 'mask', named: false },
  32: { who: 'other', named: false },
};

/**
 * The text of a POSIX ACL, which Linux keeps as `system.posix_acl_*` in binary: `user::rwx,user:1001:r-x:1001,…`.
 * Neither bsdtar nor GNU tar takes the binary form. Names are numbers: those of the host mean nothing elsewhere.
 */
export function aclText(value: Uint8Array): string | undefined {
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  if (bytes.length < 4 || (bytes.length - 4) % ENTRY_BYTES !== 0 || bytes.readUInt32LE(0) !== VERSION)
    return undefined;
  const entries: string[] = [];
  for (let at = 4; at < bytes.length; at += ENTRY_BYTES) {
    const tag = TAGS[bytes.readUInt16LE(at)];
    const bits = bytes.readUInt16LE(at + 2);
    if (tag === undefined || bits > 7) return undefined;
    const rights = `${bits & 4 ? 'r' : '-'}${bits & 2 ? 'w' : '-'}${bits & 1 ? 'x' : '-'}`;
    const id = bytes.readUInt32LE(at + 4);
    entries.push(tag.named ? `${tag.who}:${id}:${rights}:${id}` : `${tag.who}::${rights}`);
  }
  return entries.length === 0 ? undefined : entries.join(',');
}
