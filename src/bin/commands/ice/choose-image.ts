import { type OpenedImage, openImage } from '../../../ice/open-image.ts';
import type { Reading } from '../../../ice/patient-read.ts';
import { type SurveyedImage, surveyIce } from '../../../ice/survey-ice.ts';
import { printable } from '../../../model/problem.ts';
import { localStamp, span } from '../../../report/figures.ts';
import type { IceContext } from '../../ice-context.ts';
import { refuse } from '../archive/archive-options.ts';
import { refuseTooMany } from './ice-options.ts';

/** The image that is meant: one by its name, or the newest that can be restored. Tells which on standard error. */
async function meantImage(
  reading: Reading,
  wanted: string | undefined,
  context: IceContext,
): Promise<SurveyedImage> {
  const survey = await surveyIce(reading);
  if (survey === 'too-many') refuseTooMany();
  const { images } = survey;
  const { name: store } = reading.reader;
  const image =
    wanted === undefined
      ? images.find(({ incomplete }) => incomplete === undefined)
      : images.find(({ name }) => name === wanted);
  if (image === undefined) {
    const what =
      wanted === undefined
        ? `${store} holds no image that can be restored`
        : `${store} holds no image ${printable(wanted)}`;
    const [newest] = images;
    refuse(
      'ice-none',
      {},
      newest?.incomplete === undefined ? what : `${what}; of ${newest.name}: ${newest.incomplete}`,
      'an image is complete with its index and all its parts',
      'see brinicle ice list, and whether the prefix is right',
    );
  }
  if (image.incomplete !== undefined)
    refuse(
      'ice-none',
      {},
      `${image.name} cannot be restored: ${image.incomplete}`,
      'without one of its parts the image cannot be put together',
      'take another one: brinicle ice list',
    );
  const { at, offset } = context.now();
  const stored = localStamp(image.storedAt, offset(image.storedAt));
  context.terminal.err(`image ${image.name}, stored ${stored}, ${span(at - image.storedAt)} ago\n`);
  return image;
}

/** The image that is meant and after it those that it needs, the newest first; all with their parts. */
export async function chooseImages(
  reading: Reading,
  wanted: string | undefined,
  context: IceContext,
): Promise<readonly [OpenedImage, ...OpenedImage[]]> {
  const { name, says } = await meantImage(reading, wanted, context);
  const open = async (one: string): Promise<OpenedImage> => {
    const opened = await openImage(reading, one);
    if (opened !== undefined) return opened;
    refuse(
      'ice-none',
      {},
      `${one} was there when the store was listed, and cannot be read now`,
      'without it nothing can be restored',
      'run the same again, and see whether the lifecycle of the bucket removes images',
    );
  };
  const needed: OpenedImage[] = [];
  for (const one of [...(says?.chain ?? [])].reverse()) needed.push(await open(one));
  return [await open(name), ...needed];
}
