import { createHash } from 'node:crypto';
import template from '../../../../templates/recovery.html.njk';
import { fillHtmlTemplate } from '../../../compile/emit/fill-template.ts';
import { byHandSteps } from '../../../keys/by-hand.ts';
import { lineNumber, paperLines, printedLine } from '../../../keys/paper-lines.ts';
import { scanCodes } from '../../../keys/scan-codes.ts';
import { codePath } from './code-path.ts';

/** What is printed on a recovery sheet. */
export interface RecoverySheet {
  name: string;
  /** Hex, upper case. */
  fingerprint: string;
  created: Date;
  /** The private half, sealed. */
  sealed: Uint8Array;
  isProtectedKey: boolean;
  byPassphrase: boolean;
  /** The personal keys that open it, for people. */
  personal: readonly string[];
}

/** The page of a recovery sheet, complete in itself. */
export function recoveryPage(sheet: RecoverySheet): string {
  const { name, fingerprint, created, sealed, byPassphrase, personal } = sheet;
  const lines = paperLines(sealed);
  const moment = created.toISOString();
  return fillHtmlTemplate(template, {
    name,
    fingerprint: fingerprint.match(/.{4}/g)?.join(' ') ?? '',
    keyId: fingerprint.slice(-16),
    day: moment.slice(0, 10),
    made: `${moment.slice(0, 10)} ${moment.slice(11, 19)} UTC`,
    ways: [
      ...(byPassphrase ? ['the passphrase that was chosen then'] : []),
      ...personal.map((who) => `the private key of ${who}`),
    ],
    personalOnly: !byPassphrase,
    bytes: sealed.length,
    sha256: createHash('sha256').update(sealed).digest('hex'),
    lastLine: lineNumber(lines.length - 1),
    lines: lines.map(printedLine),
    codes: scanCodes(lines).map(({ first, last, text }) => ({
      first: lineNumber(first),
      last: lineNumber(last),
      ...codePath(text),
    })),
    steps: byHandSteps({ bytes: sealed.length, isProtectedKey: sheet.isProtectedKey }),
  });
}
