import { type SurveyedImage, surveyIce } from '../../../ice/survey-ice.ts';
import { byteSize, count, localStamp, table } from '../../../report/figures.ts';
import type { IceContext } from '../../ice-context.ts';
import { EXIT, type ExitCode, jsonText } from '../../terminal.ts';
import { onIce, openStore, refuseTooMany, type StoreOptions } from './ice-options.ts';

const COLUMNS = ['IMAGE', 'STORED', 'KIND', 'SIZE', 'PARTS', 'HOSTS', 'VERSIONS', 'KEYS', ''] as const;

const FIGURES = [3, 4, 5, 6];

/** The key ID of a fingerprint (RFC 9580 §5.5.4.2: of version 4, the last 64 bits). */
const keyId = (fingerprint: string): string => fingerprint.slice(-16);

function row(image: SurveyedImage, offset: (at: number) => number): string[] {
  const { name, storedAt, says, bytes, incomplete, meddling } = image;
  const state = [...(incomplete === undefined ? [] : [incomplete]), ...meddling].join('; ');
  const stored = localStamp(storedAt, offset(storedAt));
  if (says === undefined) return [name, stored, '-', byteSize(bytes), '-', '-', '-', '-', state];
  const { kind, parts, partBytes, holds, recipients } = says;
  return [
    name,
    stored,
    kind,
    byteSize(partBytes),
    count(parts),
    count(holds.hosts),
    count(holds.versions),
    recipients.map(keyId).join(','),
    state === '' ? 'complete' : state,
  ];
}

function imageJson(image: SurveyedImage): Record<string, unknown> {
  const { name, storedAt, says, bytes, objects, incomplete, lacking, faults, meddling } = image;
  return {
    image: name,
    stored_at: storedAt,
    complete: incomplete === undefined,
    incomplete: incomplete ?? null,
    kind: says?.kind ?? null,
    chain: says?.chain ?? [],
    parts: says?.parts ?? null,
    part_bytes: says?.partBytes ?? null,
    squashfs_bytes: says?.squashfs.bytes ?? null,
    hosts: says?.holds.hosts ?? null,
    versions: says?.holds.versions ?? null,
    objects: says?.holds.objects ?? null,
    missing: says?.holds.missing ?? null,
    recipients: says?.recipients ?? [],
    program: says?.program ?? null,
    stored_objects: objects,
    stored_bytes: bytes,
    lacking,
    index_faults: faults,
    meddling,
  };
}

/** `ice list`: every image, the newest first. */
export async function iceListCommand(options: StoreOptions, context: IceContext): Promise<ExitCode> {
  return onIce(context, async (signal) => {
    const reading = await openStore(options, context, signal);
    const survey = await surveyIce(reading);
    if (survey === 'too-many') refuseTooMany();
    const { images, foreign } = survey;
    const { terminal } = context;
    if (options.json === true) {
      terminal.out(jsonText(images.map(imageJson)));
      return EXIT.fine;
    }
    const { offset } = context.now();
    if (images.length === 0) terminal.out(`${reading.reader.name} holds no image\n`);
    else terminal.out(table([COLUMNS, ...images.map((image) => row(image, offset))], FIGURES));
    if (foreign > 0) terminal.out(`objects that are no part of an image: ${count(foreign)}\n`);
    return EXIT.fine;
  });
}
