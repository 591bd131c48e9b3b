'use strict';

// Where copies of AceBase are installed: the program's, this package's, and those nested in other packages. Reads
// folders, and loads nothing.

const { existsSync, readdirSync, realpathSync } = require('node:fs');
const path = require('node:path');

/** How deep packages that bring their own packages are followed. */
const MAX_DEPTH = 6;

/** How many folders are looked into at most: a search must not hold up the start of a program. */
const MAX_FOLDERS = 20_000;

/** Where the class of the remote peer is, by release: the CommonJS build, or the only one. */
const COMMONJS = ['dist/cjs/ipc/remote.js', 'src/ipc/remote.js'];
const ESM = 'dist/esm/ipc/remote.js';

/**
 * The folders of all copies of AceBase that a program could load, each once, links followed.
 * @param {string[]} [starts] Folders of scripts.
 */
function findCopies(starts = placesOfProgram()) {
  const search = { found: new Set(), seen: new Set() };
  for (const start of starts) {
    for (const folder of ancestors(start)) {
      searchModules(path.join(folder, 'node_modules'), MAX_DEPTH, search);
    }
  }
  return [...search.found];
}

/** Where the program's own modules may be: under a process manager its script is not the one that Node.js was given. */
function placesOfProgram() {
  const scripts = [require.main?.filename, process.argv[1], process.env.pm_exec_path].filter(Boolean);
  const folders = [process.env.pm_cwd, process.cwd(), __dirname].filter(Boolean);
  return [...scripts.map((script) => path.dirname(path.resolve(script))), ...folders];
}

function ancestors(folder) {
  const parent = path.dirname(folder);
  return parent === folder ? [folder] : [folder, ...ancestors(parent)];
}

function searchModules(modules, depth, search) {
  if (depth === 0 || search.seen.size >= MAX_FOLDERS) {
    return;
  }
  const real = realFolder(modules);
  if (!real || search.seen.has(real)) {
    return;
  }
  search.seen.add(real);
  for (const name of namesIn(real)) {
    const folder = path.join(real, name);
    if (name === 'acebase') {
      search.found.add(realFolder(folder) ?? folder);
    }
    // Scopes, and the store of pnpm, hold packages; a package may hold packages of its own.
    const inner = name.startsWith('@') || name === '.pnpm' ? folder : path.join(folder, 'node_modules');
    searchModules(inner, depth - 1, search);
  }
}

function realFolder(folder) {
  try {
    return realpathSync(folder);
  } catch {
    return undefined;
  }
}

function namesIn(folder) {
  try {
    return readdirSync(folder).filter((name) => !name.startsWith('.') || name === '.pnpm');
  } catch {
    return [];
  }
}

/**
 * The modules of one copy that have a remote peer.
 * @param {string} folder
 * @returns {{ commonjs?: string, esm?: string }}
 */
function modulesOf(folder) {
  const at = (file) => path.join(folder, ...file.split('/'));
  return { commonjs: COMMONJS.map(at).find(existsSync), esm: [at(ESM)].find(existsSync) };
}

module.exports = { findCopies, modulesOf };
