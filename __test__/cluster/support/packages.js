'use strict';

// The packages that scripts of users require, as npm would have put them beside the scripts.

const { mkdirSync, symlinkSync } = require('node:fs');
const path = require('node:path');

const { ROOT } = require('../../support/process.js');

const PACKAGES = {
  'acebase-ipc-server': ROOT,
  acebase: path.join(ROOT, 'node_modules', 'acebase'),
  'acebase-server': path.join(ROOT, 'node_modules', 'acebase-server'),
};

/** Makes them available to the scripts in a folder. */
function linkPackages(folder) {
  mkdirSync(path.join(folder, 'node_modules'));
  for (const [name, place] of Object.entries(PACKAGES)) {
    symlinkSync(place, path.join(folder, 'node_modules', name));
  }
}

module.exports = { linkPackages };
