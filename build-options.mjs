/**
 * node-fetch, which Google's client brings along, asks for a parser of URLs that it uses only where Node has none; that one
 * is 300 KB, and has newer Nodes warn of a deprecated module, which cron would mail.
 */
export const alias = { 'whatwg-url': 'node:url' };

/** How what the states put on machines is bundled: one file a program, for Node.js 18 without any package. */
export const deployedOptions = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node18',
  alias,
  // Not in full: with its names minified an upload fails, as openpgp and the stores' clients compare names.
  minifyWhitespace: true,
  minifySyntax: true,
  define: { 'import.meta.url': 'urlOfBundle' },
  // The directive counts only as the very first statement, which is this one.
  banner: { js: "'use strict';const urlOfBundle=require('node:url').pathToFileURL(__filename).href;" },
  loader: { '.node': 'empty' },
  // ssh2 asks for it and does without.
  external: ['cpu-features'],
};
