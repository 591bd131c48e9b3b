'use strict';

// A copy of one of the package's examples that runs as its reader would run it, but on free ports and with two
// instances.

const { cpSync, readdirSync, readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const { freePort } = require('../../support/port.js');
const { ROOT } = require('../../support/process.js');
const { linkPackages } = require('./packages.js');
const { deferFolder } = require('./scope.js');

/**
 * Copies an example.
 * @param {import('node:test').TestContext} t The copy goes with this test.
 * @param {string} name Of its folder.
 * @returns {Promise<{ folder: string, hubPort: number, httpPort: number, edit: (file: string, from: string | RegExp,
 *   to: string) => boolean }>} `edit` tells whether there was something to replace.
 */
async function copyExample(t, name) {
  const folder = deferFolder(t, 'example');
  cpSync(path.join(ROOT, 'examples', name), folder, { recursive: true });
  linkPackages(folder);
  const [hubPort, httpPort] = await Promise.all([freePort(), freePort()]);
  const edit = (file, from, to) => {
    const place = path.join(folder, file);
    const text = readFileSync(place, 'utf8');
    writeFileSync(place, text.replaceAll(from, to));
    return text.replaceAll(from, to) !== text;
  };
  for (const script of readdirSync(folder).filter((file) => file.endsWith('.js'))) {
    edit(script, '9163', String(hubPort));
    edit(script, '5757', String(httpPort));
  }
  edit('ecosystem.config.js', /"-\d"/g, '2');
  return { folder, hubPort, httpPort, edit };
}

module.exports = { copyExample };
