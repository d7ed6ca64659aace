import { error, type Problem, printable } from '../model/problem.ts';
import { type RecipientFacts, recipientProblems } from '../model/recipient.ts';

/**
 * What is wrong with the recipients of an image on the day it is made; empty when all is well.
 *
 * @param day YYYY-MM-DD, UTC
 * @param privateKeys where on this machine a private key was found
 */
export function checkRecipients(
  recipients: readonly RecipientFacts[],
  day: string,
  privateKeys: readonly string[],
  file: string,
): Problem[] {
  const at = { file };
  const ended = recipients.flatMap((facts) =>
    facts.kind === 'public' && facts.expires !== null && facts.expires < day
      ? [
          error(
            'recipient-ended',
            { at },
            `the recipient ${facts.fingerprint.slice(-16)} (${printable(facts.userId)}) ended on ${facts.expires}`,
            'nothing can be encrypted to it any more',
            'extend it (gpg --quick-set-expire) or make another one (brinicle keygen), then compile and apply the states',
          ),
        ]
      : [],
  );
  const unusable = recipients.flatMap((facts) =>
    // That it will end some day is told by every compile.
    recipientProblems(facts, at).filter(({ severity }) => severity === 'error'),
  );
  const here = privateKeys.map((place) =>
    error(
      'ice-private-key',
      {},
      `a private key lies on this machine: ${printable(place)}`,
      'whoever takes the backup server would read all of the ice',
      'take it away, and make a new pair: this one has been where it can be seen (docs/keys.md)',
    ),
  );
  return [...unusable, ...ended, ...here];
}
