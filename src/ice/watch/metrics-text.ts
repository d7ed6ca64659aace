import type { Problem } from '../../model/problem.ts';
import type { SurveyedImage } from '../survey-ice.ts';
import { completeOf } from './watched.ts';

/** What a watch came to. */
export interface Watched {
  /** Seconds since 1970. */
  now: number;
  images: readonly SurveyedImage[];
  lastDrill: number | undefined;
  problems: readonly Problem[];
}

type Metric = readonly [name: string, help: string, value: number | undefined];

/** The text that node_exporter's textfile collector reads; what is not known has no line. */
export function metricsText({ now, images, lastDrill, problems }: Watched): string {
  const complete = completeOf(images);
  const [newest] = complete;
  const count = (severity: Problem['severity']): number =>
    problems.filter((problem) => problem.severity === severity).length;
  const metrics: readonly Metric[] = [
    ['watch_timestamp_seconds', 'When the ice was last looked at.', now],
    ['newest_timestamp_seconds', 'When the newest complete image came to the store.', newest?.storedAt],
    ['newest_bytes', 'Bytes of its parts.', newest?.says?.partBytes],
    ['images', 'Images that can be restored.', complete.length],
    ['incomplete_images', 'Images that cannot be restored.', images.length - complete.length],
    ['drill_timestamp_seconds', 'When a drill last decrypted an image.', lastDrill],
    ['errors', 'What somebody must look at.', count('error')],
    ['warnings', 'What somebody may want to look at.', count('warning')],
  ];
  return metrics
    .filter(([, , value]) => value !== undefined)
    .map(
      ([name, help, value]) =>
        `# HELP brinicle_ice_${name} ${help}\n# TYPE brinicle_ice_${name} gauge\nbrinicle_ice_${name} ${value}\n`,
    )
    .join('');
}
