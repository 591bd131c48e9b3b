'use strict';

// A copy of one of the package's examples that runs as its reader would run it, but on free ports and with two
// instances.

const {
  cpSync,
  mkdtempSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');

const { freePort } = require('./hub.js');
const { defer } = require('./scope.js');

const ROOT = path.join(__dirname, '..', '..', '..');

/** What the example's scripts require, and where it is. */
const PACKAGES = {
  'acebase-ipc-server': ROOT,
  acebase: path.join(ROOT, 'node_modules', 'acebase'),
  'acebase-server': path.join(ROOT, 'node_modules', 'acebase-server'),
};

/**
 * Copies an example.
 * @param {import('node:test').TestContext} t The copy goes with this test.
 * @param {string} name Of its folder.
 * @returns {Promise<{ folder: string, hubPort: number, httpPort: number, edit: (file: string, from: string | RegExp,
 *   to: string) => boolean }>} `edit` tells whether there was something to replace.
 */
async function copyExample(t, name) {
  const folder = mkdtempSync(path.join(tmpdir(), 'acebase-ipc-example-'));
  defer(t, () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  cpSync(path.join(ROOT, 'examples', name), folder, { recursive: true });
  mkdirSync(path.join(folder, 'node_modules'));
  for (const [dependency, place] of Object.entries(PACKAGES)) {
    symlinkSync(place, path.join(folder, 'node_modules', dependency));
  }
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
