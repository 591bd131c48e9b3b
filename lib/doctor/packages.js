'use strict';

// Which versions of the packages that matter a program in a folder would load.

const { readFileSync } = require('node:fs');
const path = require('node:path');

/** @param {string} folder @returns {{ acebase?: string, acebaseServer?: string, ws?: string }} */
function packagesAt(folder) {
  const acebase = find('acebase', [folder]);
  const core = acebase && find('acebase-core', [acebase.at, folder]);
  return {
    acebase: acebase?.version,
    acebaseServer: find('acebase-server', [folder])?.version,
    ws: find('ws', [acebase?.at, core?.at, folder].filter(Boolean))?.version,
  };
}

/** As Node.js looks for it, but without regard to what a package exports. */
function find(name, folders) {
  for (const start of folders) {
    for (let folder = start; ; folder = path.dirname(folder)) {
      const at = path.join(folder, 'node_modules', name);
      const version = versionAt(at);
      if (version !== undefined) {
        return { at, version };
      }
      if (folder === path.dirname(folder)) {
        break;
      }
    }
  }
  return undefined;
}

function versionAt(folder) {
  try {
    return JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')).version;
  } catch {
    return undefined;
  }
}

module.exports = { packagesAt };
