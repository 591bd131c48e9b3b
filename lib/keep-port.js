'use strict';

// How the keeper of a server's port is started: by this Node.js, with nothing of this process's environment that would
// make the keeper more than it is (debuggers, preloaded modules, a parent's channel).

const path = require('node:path');

const KEEPER = path.join(path.dirname(__dirname), 'bin', 'keeper.js');

/** What Node.js and the addon may need to be found and to run, and what bin/keeper.js reads. */
const INHERITED = [
  'PATH',
  'LD_LIBRARY_PATH',
  'DYLD_LIBRARY_PATH',
  'DYLD_FALLBACK_LIBRARY_PATH',
  'ELECTRON_RUN_AS_NODE',
  'NAPI_RS_NATIVE_LIBRARY_PATH',
  'ACEBASE_IPC_KEEPER_PATIENCE',
];

/**
 * What the addon needs to start a keeper.
 * @returns {import('../native.js').NativeLaunch}
 */
function keeperLaunch() {
  const names = INHERITED.filter((name) => process.env[name] !== undefined);
  const environment = Object.fromEntries(names.map((name) => [name, process.env[name]]));
  return { program: process.execPath, args: [KEEPER, 'launch'], environment };
}

module.exports = { keeperLaunch };
