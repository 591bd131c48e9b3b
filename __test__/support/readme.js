'use strict';

// The blocks of code of README and docs, as their reader copies them.

const { readdirSync, readFileSync } = require('node:fs');
const path = require('node:path');

const { ROOT } = require('./process.js');

function read() {
  return readFileSync(path.join(ROOT, 'README.md'), 'utf8');
}

/** The blocks of a section, in their order. */
function blocksOf(section, language = 'js') {
  const [, text] = read().match(new RegExp(`^## ${section}\n(.*?)^## `, 'ms'));
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\``, 'gms'))].map(([, block]) => block);
}

/** The blocks that are files, by name: the name stands in italics above. */
function files() {
  const found = read().matchAll(/^\*([\w.-]+)\*\n```js\n(.*?)^```/gms);
  return Object.fromEntries([...found].map(([, name, text]) => [name, text]));
}

/** The commands of a page: the lines of each of its blocks for a shell. */
function shellBlocks(page) {
  const text = readFileSync(path.join(ROOT, page), 'utf8');
  return [...text.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block]) => block.trim().split('\n'));
}

/** All pages that tell a reader what to type. */
const PAGES = [
  ...['README.md', 'CONTRIBUTING.md', 'SECURITY.md', 'examples/README.md'],
  ...readdirSync(path.join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

module.exports = { blocksOf, files, PAGES, shellBlocks };
