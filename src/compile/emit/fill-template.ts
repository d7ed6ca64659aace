import nunjucks from 'nunjucks';
import { HEADER } from './header.ts';

function environment(autoescape: boolean): nunjucks.Environment {
  return new nunjucks.Environment(null, {
    autoescape,
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
}

const plain = environment(false);
const html = environment(true);

/** Fills a template of text that is not YAML; a value that is missing throws. */
export function fillTemplate(template: string, values: Record<string, unknown>): string {
  return plain.renderString(template, { header: HEADER, ...values });
}

/** Fills a template of HTML: every value is text there, or the value of a quoted attribute, whatever is in it. */
export function fillHtmlTemplate(template: string, values: Record<string, unknown>): string {
  return html.renderString(template, values);
}
