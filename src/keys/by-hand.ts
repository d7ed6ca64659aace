import { LINE_BYTES, lineNumber } from './paper-lines.ts';

/** A step of the way back without Brinicle. */
export interface ByHandStep {
  heading: string;
  /** For sh, sed, GNU coreutils 8.31 or later, and gpg. */
  commands: readonly string[];
}

/** What of a sheet its commands depend on. */
export interface SheetFacts {
  /** Bytes of the sealed key. */
  bytes: number;
  /** True for a key that a passphrase protects, false for a message that holds one. */
  isProtectedKey: boolean;
}

/** Puts a sealed key, in a file that sh can take as it is written here, into a keyring in memory. */
export function intoKeyring(file: string, isProtectedKey: boolean): string[] {
  const take = 'gpg --homedir "$key" --batch --import';
  return [
    'key=$(mktemp -d -p /dev/shm); export GPG_TTY=$(tty)',
    ...(isProtectedKey ? [`${take} ${file}`] : [`gpg --decrypt ${file} |`, `  ${take}`]),
    'export GNUPGHOME=$key',
    'gpg --list-secret-keys',
  ];
}

/**
 * The way back without Brinicle, from a file `lines.txt`. The steps are printed on the sheet, and a test runs them
 * from there. The key goes into a keyring in memory, so that it is never on a disk.
 */
export function byHandSteps({ bytes, isProtectedKey }: SheetFacts): ByHandStep[] {
  const last = lineNumber(Math.ceil(bytes / LINE_BYTES));
  return [
    {
      heading: 'Check every line. This prints the wrong ones and the numbers of missing ones, or nothing.',
      commands: [
        "sed 's/[^0-9a-f]//g; /./!d' lines.txt | sort -u > lines",
        'while read -r line; do',
        '  text=$(printf %.42s "$line")',
        '  sum=$(printf %s "$text" | cksum | cut -d " " -f 1)',
        '  sum=$(printf %04x $(( (sum ^ sum >> 16) & 65535 )))',
        '  test "$line" = "$text$sum" || echo "wrong: $line"',
        'done < lines',
        `{ seq -w 00 ${last}; cut -c 1-2 lines; } | sort | uniq -u`,
      ],
    },
    {
      heading: 'Make the sealed key of them. This must print “whole”.',
      commands: [
        'sed 1d lines | cut -c 3-42 | tr a-f A-F |',
        `  basenc --base16 -d | head -c ${bytes} > sealed.pgp`,
        'sum=$(sha256sum sealed.pgp | cut -c 1-32)',
        'test "$sum" = "$(head -n 1 lines | cut -c 11-42)" && echo whole',
      ],
    },
    {
      heading: isProtectedKey
        ? 'Put it into a keyring in memory. gpg asks for the passphrase when the key is used.'
        : 'Open it into a keyring in memory. gpg asks for what opens it; run this where your own key is.',
      commands: intoKeyring('sealed.pgp', isProtectedKey),
    },
  ];
}
