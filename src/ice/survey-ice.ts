import { groupObjects } from './group-objects.ts';
import { listObjects, type Reading } from './patient-read.ts';
import { type ReadImage, readImage } from './read-image.ts';

/** Most objects of a store that are gone through: two years of images of 100 TB have not as many. */
const MOST_OBJECTS = 3_000_000;

/** An image as it is told, without its parts, of which there may be tens of thousands. */
export interface SurveyedImage extends Omit<ReadImage, 'index' | 'placement'> {
  /** What the index says; nothing where none can be used. */
  says:
    | (Pick<
        NonNullable<ReadImage['index']>,
        'kind' | 'chain' | 'recipients' | 'holds' | 'began' | 'ended' | 'program' | 'squashfs'
      > & { parts: number; partBytes: number })
    | undefined;
  lacking: NonNullable<ReadImage['placement']>['lacking'];
  /** Why it cannot be restored, in words; nothing for an image that is complete, with all that its chain needs. */
  incomplete: string | undefined;
}

/** What the store holds. */
export interface Survey {
  /** The newest first, by the store's own times. */
  images: readonly SurveyedImage[];
  foreign: number;
}

function ownLack({ index, placement, faults }: ReadImage): string | undefined {
  if (index === undefined)
    return faults.length === 0
      ? 'it has no index: it is being uploaded, or was given up'
      : `no index can be used: ${faults[0]}`;
  const lacking = placement?.lacking ?? [];
  const [first] = lacking;
  if (first === undefined) return undefined;
  const more = lacking.length > 1 ? `, and ${lacking.length - 1} more` : '';
  return `${first.why === 'lost' ? 'it has lost' : 'altered in the store:'} ${first.name}${more}`;
}

function summary(image: ReadImage): SurveyedImage {
  const { index, placement, ...rest } = image;
  return {
    ...rest,
    lacking: placement?.lacking ?? [],
    incomplete: ownLack(image),
    says:
      index === undefined
        ? undefined
        : {
            kind: index.kind,
            chain: index.chain,
            recipients: index.recipients,
            holds: index.holds,
            began: index.began,
            ended: index.ended,
            program: index.program,
            squashfs: index.squashfs,
            parts: index.parts.length,
            partBytes: index.parts.reduce((sum, { bytes }) => sum + bytes, 0),
          },
  };
}

/** Why the images that an increment needs cannot be used, if so. */
function chainLack(image: SurveyedImage, byName: ReadonlyMap<string, SurveyedImage>): string | undefined {
  const chain = image.says?.chain ?? [];
  for (const [position, name] of chain.entries()) {
    const needed = byName.get(name);
    if (needed === undefined) return `it needs ${name}, which the store does not have`;
    if (needed.incomplete !== undefined) return `it needs ${name}, which is not complete`;
    const kind = position === 0 ? 'full' : 'increment';
    const own = needed.says?.chain ?? [];
    if (needed.says?.kind !== kind || own.some((one, place) => one !== chain[place]))
      return `it needs ${name}, whose index says otherwise`;
  }
  return undefined;
}

/** Adds what increments lack by what they need, and puts the newest first. */
function withChains(alone: readonly SurveyedImage[]): SurveyedImage[] {
  const byName = new Map(alone.map((image) => [image.name, image]));
  return alone
    .map((image) =>
      image.incomplete === undefined ? { ...image, incomplete: chainLack(image, byName) } : image,
    )
    .sort((one, other) => other.storedAt - one.storedAt || (one.name < other.name ? 1 : -1));
}

/** Goes through all that the store holds. */
export async function surveyIce(reading: Reading): Promise<Survey | 'too-many'> {
  const objects = await listObjects(reading, '', MOST_OBJECTS);
  if (objects === 'too-many') return 'too-many';
  const { images, foreign } = groupObjects(objects);
  const alone: SurveyedImage[] = [];
  // One after the other, and each index forgotten but for its summary: all of them together may be a gigabyte.
  for (const stored of images) alone.push(summary(await readImage(reading, stored)));
  return { images: withChains(alone), foreign };
}
