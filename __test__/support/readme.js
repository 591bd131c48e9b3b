'use strict';

// The README's blocks of code, as its reader copies them.

const { readFileSync } = require('node:fs');
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

module.exports = { blocksOf, files };
