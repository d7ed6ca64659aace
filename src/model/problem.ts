/** How much a problem weighs: an error fails the command, a warning stands in every run, information is just said. */
export type Severity = 'error' | 'warning' | 'info';

/** Every rule that a problem can name. `examples/invalid/<rule>/` shows each error and warning once. */
export const RULES = {
  'input-missing': 'a file the command was told to read is not there or cannot be read',
  'input-too-large': 'an input is larger than any real one, so it is not read',
  'policy-syntax': 'brinicle.yaml is not YAML',
  'policy-schema': 'brinicle.yaml says something no policy key means',
  'policy-path': 'a path of the policy lies where Brinicle must not write or read',
  'uid-range': 'the range of uids is reserved, too small, or used up',
  'offsite-retention': 'the ice would be kept for less than 92 days',
  'history-too-short': 'retention would reach back less than 24 months',
  'offsite-none': 'nothing leaves the building',
  'offsite-warn-only': 'images go to a store that fails a check',
  'offsite-folder': 'the ice is a folder, which root can empty',
  'seal-none': 'secrets of hosts lie readable in the archive',
  'quota-none': 'the kernel does not stop one host from filling the disk of all',
  'quota-small': 'the quota of an inbox has no room for the packs of a push',
  'server-is-master': 'the backup server runs the Salt master, which can command every host',
  'recipient-missing': 'a recipient names a file that is not there',
  'recipient-private': 'a recipient holds a private key',
  'recipient-unusable': 'GnuPG 2.2 could not decrypt what is encrypted to this key',
  'recipient-expires': 'a recipient has an end date, after which nothing is sealed or goes off-site',
  'roles-shape': 'the roles file is not a mapping of minion IDs to lists of roles',
  'accepted-shape': 'the list of accepted minion keys is not what salt-key prints',
  'host-keys-shape': 'the host keys are not what mine.get ssh.host_keys prints',
  'mine-syntax': 'the mine is not JSON',
  'mine-shape': 'the mine is JSON, but not what mine.get prints',
  'mine-caller-level': 'the mine has one more level than salt-run prints, by caller',
  'mine-function-level': "the mine has one more level than mine.get prints, by the function's name",
  'mine-empty': 'the mine says nothing while the lock has hosts',
  'minion-id': 'a minion ID that no honest minion has',
  'minion-id-lookalike': 'a minion ID that the eye takes for another',
  'no-key-yet': 'a host that has published no push key so far',
  'key-private': 'a private key in the mine',
  'key-malformed': 'a key that is not one line of SSH public key',
  'key-type': 'a key of a type that is not taken',
  'key-weak': 'an RSA key below 2,048 bits',
  'key-duplicate': 'one key under two minion IDs',
  'key-changed': 'a host publishes another key than the pinned one',
  'not-accepted': 'a host whose minion key the master does not accept',
  'absent-from-mine': 'a host of the lock that the mine does not name; it stays',
  unmatched: 'a host that no entry of hosts: matches',
  'server-key-unknown': 'nobody has said which SSH host keys the backup server has',
  'server-key-changed': 'the backup server shows other host keys than the pinned ones',
  'lock-syntax': 'fleet.lock.yaml is not YAML',
  'lock-merge-conflict': 'fleet.lock.yaml holds an unresolved merge',
  'lock-schema': 'fleet.lock.yaml says something the lock does not hold',
  'lock-format': 'fleet.lock.yaml was written by a newer Brinicle',
  'lock-duplicate-uid': 'two hosts of the lock have one uid',
  'lock-duplicate-account': 'two hosts of the lock have one account',
  'lock-duplicate-key': 'two hosts of the lock have one key',
  'lock-key': 'a pinned key of the lock is not a key that would be taken',
  'program-missing': 'a program that hosts or the backup server run is not beside brinicle',
  'output-foreign': 'the output folder holds something that Brinicle did not write',
  'output-unwritable': 'the output or the lock could not be written',
  'output-stale': 'the committed output is not what the inputs compile to',
  'host-unknown': 'a host that neither the mine nor the lock knows',
  'program-config': 'the configuration of a program is not there or not what the states write',
  'push-failed': 'a push did not become durable on the backup server',
  'push-running': 'another push of this host is under way',
  'state-failed': 'what a host remembers of its pushes cannot be written',
  'hook-failed': 'a command before or after a push failed',
  'rotate-failed': 'rotate could not do its work for a host, or at all',
  'rotate-running': 'another rotate is under way',
  'recipient-ended': 'nothing can be encrypted to a recipient any more',
  'ice-private-key': 'a key that opens the ice lies on the backup server',
  'ice-store': 'the store of the ice did not take what it was sent',
  'ice-image': 'an image of the archive could not be made',
  'ice-hurt': 'an image does not hold all of some hosts',
  'ice-running': 'another run of offsite is under way',
  'ice-failed': 'offsite came upon a fault that it does not expect',
  'python-missing': 'python3, which runs the ext_pillar for a look at it, cannot be run',
  // Looking at and restoring from an archive.
  'archive-config': 'nobody has said where the archive lies',
  'archive-unreadable': 'the archive or a part of it cannot be read',
  'archive-host-unknown': 'a host that the archive does not hold',
  'version-none': 'no version is as old as was asked for',
  'version-record': 'the record of a version is missing or damaged',
  'moment-unclear': 'a time that is not understood',
  'manifest-refused': 'a manifest holds what no host can have pushed',
  'manifest-altered': 'a manifest is not the one that was committed',
  'object-damaged': 'a content is missing in the archive or is not what it was',
  'path-unknown': 'a path that the version does not hold',
  'path-kind': 'a path that is no regular file',
  'restore-target': 'the folder to restore into cannot be used',
  'restore-extractor': 'the program that unpacks is missing or could not restore everything',
  'restore-less': 'something is not restored as it was on the host',
  'restore-sealed': 'restored files that only the private key opens',
  'terminal-binary': 'bytes that must not go to a terminal',
  'too-many': 'more than can be held in memory',
  // What a store of ice must be like before a byte is sent to it: src/model/ice/store-checks.ts.
  'store-retention-missing': 'the store of ice lets everything be deleted',
  'store-retention-unlocked': 'the retention of the store of ice can be lifted',
  'store-retention-short': 'the store of ice refuses deletion for fewer days than the policy wants',
  'store-overwritten-lost': 'what is overwritten in the store of ice is gone',
  'store-removes-early': 'the store of ice removes objects by their age before the policy lets it',
  'store-moves-early': 'the store of ice moves objects to another class before the policy lets it',
  'store-may-not-create': 'the credential for the store of ice cannot upload',
  'store-may-delete': 'the credential for the store of ice may delete',
  'store-may-overwrite': 'the credential for the store of ice may overwrite',
  'store-may-change-retention': 'the credential for the store of ice may change retention',
  'store-may-change-policy': 'the credential for the store of ice may change rights',
  'store-folder': 'the store of ice is a folder of the machine itself',
  // Looking after an archive.
  'archive-busy': 'another program works on the archive of a host',
  'archive-unwritable': 'the archive or a part of it cannot be changed',
  'import-refused': 'an rsnapshot root cannot become versions',
  // Drills.
  'drill-failed': 'something did not come back as its host pushed it',
  'drill-none': 'a drill found nothing that it could restore',
  'drill-place': 'a drill cannot work where it was to, or not on this machine',
  'drill-running': 'another drill is under way',
  // Looking at the ice and restoring from it.
  'ice-unreachable': 'the store of the ice cannot be reached or read',
  'ice-none': 'the ice holds no image that can be used, or not the one that was named',
  'ice-index': 'an image has no index that can be used',
  'ice-part': 'a part of an image is lost or is not what it was',
  'ice-chain': 'an image needs another one that cannot be used',
  'ice-meddling': 'somebody uploaded to an image that was there already',
  'ice-refused': 'what an image holds cannot be unpacked, or is no archive',
  'ice-thaw': 'parts must thaw before they can be read',
  'ice-key': 'no private key is at hand that opens the ice',
  'ice-work': 'the folder in which images are put together cannot be used',
  'ice-room': 'there is no room to put an image together',
  'ice-interrupted': 'a command was stopped before its end',
  'ice-schedule': 'images do not come as often as they are to',
  'ice-size': 'the newest image is strangely small or large',
  'ice-recipient': 'an image is not encrypted to the keys that it is to be',
  'ice-drill': 'nobody has decrypted an image of late',
  // What the ice costs.
  'cost-plan': 'nobody has said what is to be priced',
  'cost-prices': 'a price list is damaged, or does not have what is to be priced',
  'cost-size': 'nobody has said how large the archive is',
  // Making the key of the ice, and bringing it back from paper.
  'keygen-place': 'a key is not made on a machine of the backups',
  'keygen-passphrase': 'a passphrase is missing, could be guessed, or could not be typed again',
  'keygen-personal-only': 'a recovery sheet is worth no more than a personal key',
  'keygen-too-long': 'a sealed key does not go on a sheet',
  'paper-line': 'a line of a recovery sheet is not as it was printed',
  'paper-missing': 'lines of a recovery sheet are missing',
  'paper-whole': 'lines do not come to the sealed key of one recovery sheet',
} as const;

/** The name of a rule in {@link RULES}. */
export type RuleName = keyof typeof RULES;

/** Where in a file a problem lies; lines count from 1. */
export interface Place {
  file: string;
  line?: number;
}

/** What a person is told instead of a stack trace: what, where, why, and what to do. */
export interface Problem {
  rule: RuleName;
  severity: Severity;
  /** The minion ID concerned, already printable. */
  host?: string;
  at?: Place;
  what: string;
  why: string;
  fix: string;
}

/** Makes an error; `where` names the host or the place in a file. */
export function error(
  rule: RuleName,
  where: Pick<Problem, 'host' | 'at'>,
  what: string,
  why: string,
  fix: string,
): Problem {
  return { rule, severity: 'error', ...where, what, why, fix };
}

/** True when any of the problems is an error, which makes a command exit with 1. */
export function hasErrors(problems: readonly Problem[]): boolean {
  return problems.some((problem) => problem.severity === 'error');
}

const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

/**
 * Text from outside made safe to show on a terminal: control, format, bidi and lone surrogate characters
 * are written as \u{…}, and what is longer than `max` characters is cut.
 */
export function printable(text: string, max = 200): string {
  const cut = text.length > max ? `${text.slice(0, max)}… (${text.length} characters)` : text;
  return cut.replace(UNPRINTABLE, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

/** Problems in the order a reader wants: errors first, then by rule, host and place. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  const rank: Record<Severity, number> = { error: 0, warning: 1, info: 2 };
  const key = (p: Problem): string => `${rank[p.severity]} ${p.rule} ${p.host ?? ''} ${p.at?.file ?? ''}`;
  return problems
    .map((problem) => ({ problem, key: key(problem), line: problem.at?.line ?? 0 }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.line - b.line))
    .map((entry) => entry.problem);
}
