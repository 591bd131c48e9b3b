'use strict';

// Folders for tests, which go when their test is over.

const { mkdtempSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');

/**
 * Makes an empty folder.
 * @param {{ after(action: () => void): void }} scope What it goes with: a test, or a run.
 * @param {string} name What it is for, to be seen in its name.
 */
function makeFolder(scope, name) {
  const folder = mkdtempSync(path.join(tmpdir(), `acebase-ipc-${name}-`));
  // A process that is just ending may still write into it.
  scope.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

module.exports = { makeFolder };
