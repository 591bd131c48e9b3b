'use strict';

// `require('acebase-ipc-server/client')`: finds each copy of AceBase that the program could load, and replaces the
// transport of its remote peer.

const { existsSync, readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const path = require('node:path');
const { pathToFileURL } = require('node:url');

const { findCopies, modulesOf } = require('./find.js');
const { replaceTransport } = require('./replace.js');

/** What warnings are called. */
const WARNING = 'AceBaseIPCClient';

/** Modules whose class has the new transport. @type {string[]} */
const replaced = [];

/** Copies that somebody was warned of. */
const odd = new Set();

/**
 * Replaces the transport in one copy of AceBase.
 * @param {string} folder Of the package.
 * @returns {Promise<void>} Resolves when builds are done, too, that this version of Node.js loads only asynchronously.
 */
async function replaceIn(folder) {
  const { commonjs, esm } = modulesOf(folder);
  const load = createRequire(path.join(folder, 'package.json'));
  if (!commonjs && !esm) {
    warn(folder, 'class RemoteIPCPeer is missing');
  }
  if (commonjs) {
    attempt(folder, () => replaceBuild(folder, commonjs, load(commonjs), load('acebase-core')));
  }
  if (esm) {
    await replaceEsm(folder, esm, load);
  }
}

/** What can be loaded at once is: the program's own modules may be next. */
function replaceEsm(folder, file, load) {
  const core = esmEntry(path.dirname(load.resolve('acebase-core')));
  if (process.features.require_module) {
    attempt(folder, () => replaceBuild(folder, file, load(file), load(core)));
    return undefined;
  }
  const loaded = Promise.all([import(pathToFileURL(file).href), import(pathToFileURL(core).href)]);
  return loaded.then(
    ([peer, module]) => attempt(folder, () => replaceBuild(folder, file, peer, module)),
    (error) => warn(folder, error.message),
  );
}

/** The ESM entry of the package that a file is in. */
function esmEntry(folder) {
  const manifest = path.join(folder, 'package.json');
  if (existsSync(manifest)) {
    const { name, module, exports } = JSON.parse(readFileSync(manifest, 'utf8'));
    if (name === 'acebase-core') {
      return path.join(folder, exports?.['.']?.import ?? module);
    }
  }
  return esmEntry(path.dirname(folder));
}

function replaceBuild(folder, file, { RemoteIPCPeer }, core) {
  const oddity = replaceTransport(RemoteIPCPeer, { folder, core });
  if (oddity) {
    warn(folder, `its ${oddity}`);
  } else if (!replaced.includes(file)) {
    replaced.push(file);
  }
}

function attempt(folder, action) {
  try {
    action();
  } catch (error) {
    warn(folder, error.message);
  }
}

/** Once for each copy: what is odd about one build is so about the other. */
function warn(folder, what) {
  if (odd.has(folder)) {
    return;
  }
  odd.add(folder);
  process.emitWarning(
    `${folder} is left as it is, for it is not the AceBase that this client knows: ${what}. ` +
      'Known are the versions 1.12.3 to 1.29.13',
    WARNING,
  );
}

const copies = findCopies();
if (copies.length === 0) {
  process.emitWarning('No AceBase was found: there is nothing to replace', WARNING);
}
/** Resolves when all copies that were found are done. */
const ready = Promise.all(copies.map(replaceIn)).then(() => undefined);

module.exports = { ready, replaced, replaceIn };
