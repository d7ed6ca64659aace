import nunjucks from 'nunjucks';
import { HEADER } from './header.ts';

const environment = new nunjucks.Environment(null, {
  autoescape: false,
  throwOnUndefined: true,
  trimBlocks: true,
  lstripBlocks: true,
  // Not Jinja's own, so that no text of ours is ever a template for Salt, nor the other way round.
  tags: {
    blockStart: '[%',
    blockEnd: '%]',
    variableStart: '[[',
    variableEnd: ']]',
    commentStart: '[#',
    commentEnd: '#]',
  },
});

/** Fills a template of text that is not YAML; a value that is missing throws. */
export function fillTemplate(template: string, values: Record<string, unknown>): string {
  return environment.renderString(template, { header: HEADER, ...values });
}
