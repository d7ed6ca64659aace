import type { SurveyedImage } from '../survey-ice.ts';

const DAY = 86_400;

/** What the ice is held against. */
export interface Expected {
  /** Seconds since 1970. */
  now: number;
  /** Days that pass at most between the beginnings of two images. */
  everyDays: number;
  /** Days more that making and uploading one may take. */
  graceDays: number;
  /** Days for which the store refuses deletion. */
  retentionDays: number;
}

/** Images that can be restored, the newest first. */
export function completeOf(images: readonly SurveyedImage[]): SurveyedImage[] {
  return images.filter(({ incomplete }) => incomplete === undefined);
}

/** Days between two moments, to one digit. */
export function daysBetween(from: number, to: number): number {
  return Math.round(((to - from) / DAY) * 10) / 10;
}
