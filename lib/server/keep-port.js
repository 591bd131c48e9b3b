'use strict';

// How the keeper of a server's port is started: by this Node.js, with nothing of this process's environment that would
// make the keeper more than it is (debuggers, preloaded modules, a parent's channel).
//
// The keeper needs one file, the addon. Its own few lines are handed to Node.js as text: as a file they would not be
// found where this package is part of a bundle, or lies in an archive that only this process can read (Yarn's
// Plug'n'Play).

const { nativeFile } = require('../native.js');

/** What Node.js and the addon may need to be found and to run. */
const INHERITED = ['PATH', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH', 'DYLD_FALLBACK_LIBRARY_PATH'];

/** For tests: how long the keeper waits for the next server, in milliseconds. */
const PATIENCE_VARIABLE = 'ACEBASE_IPC_KEEPER_PATIENCE';

/** The longest patience, in milliseconds: a day. */
const MAX_PATIENCE = 86_400_000;

/** The keeper runs almost no JavaScript: with these, Node.js keeps almost no memory for it. */
const FRUGAL = ['--single-threaded', '--max-semi-space-size=1', '--max-old-space-size=32'];

/** The script's own arguments. Deno has the script's name before them. */
const ARGUMENTS = 'process.argv.slice(process.versions.deno ? 2 : 1)';

/**
 * Starts the keeper, so that it is no child of the server, and ends at once. Standard input is the connection to the
 * server.
 */
const LAUNCHER = `
  const args = ${ARGUMENTS};
  const stdio = ['inherit', 'ignore', 'inherit'];
  require('node:child_process').spawn(process.execPath, args, { detached: true, stdio }).unref();
`;

/** Is the keeper. */
const KEEPER = `
  const [addon, patience, socketFile] = ${ARGUMENTS};
  process.title = 'acebase-ipc-server keeper ' + socketFile;
  const loaded = { exports: {} };
  process.dlopen(loaded, addon);
  loaded.exports.keepPort(socketFile, patience === '' ? undefined : Number(patience));
`;

/**
 * What the addon needs to start a keeper, or why there can be none; and what is odd about its settings.
 * @returns {{ launch?: { program: string, args: string[], environment: [string, string][] }, doubts: string[] }}
 */
function keeperLaunch() {
  const obstacle = findObstacle();
  if (obstacle) {
    return { doubts: [`The port is not kept open across restarts: ${obstacle}`] };
  }
  const { patience, doubts } = readPatience(process.env[PATIENCE_VARIABLE]);
  const keeper = evaluate(KEEPER, [nativeFile(), patience === undefined ? '' : String(patience)], FRUGAL);
  const launch = { program: process.execPath, args: evaluate(LAUNCHER, keeper), environment: environment() };
  return { launch, doubts };
}

/** What this process is that no keeper can be started from it. */
function findObstacle() {
  if (isSingleExecutable()) {
    return (
      'this program is one executable file with its own script, which cannot run another one. ' +
      'Run the server with Node.js itself (npx acebase-ipc-server), or set keepPort to false'
    );
  }
  if (!nativeFile()) {
    return (
      'the file of the addon is not known, for a bundler has replaced how it is loaded. ' +
      "Leave this package out of the bundle (external: ['acebase-ipc-server']), or set keepPort to false"
    );
  }
  return undefined;
}

/** Node.js's single executable applications, and the older tools of that kind. */
function isSingleExecutable() {
  if (process.pkg || process.__nexe) {
    return true;
  }
  try {
    return require('node:sea').isSea();
  } catch {
    // This Node.js has none.
    return false;
  }
}

/** The arguments with which this runtime runs a script that is given as text. */
function evaluate(script, args, flags = []) {
  if (process.versions.deno) {
    return ['eval', '--no-config', '--ext=cjs', script, '--', ...args];
  }
  return [...(process.versions.bun ? [] : flags), '-e', script, '--', ...args];
}

/** Names and values. */
function environment() {
  const names = INHERITED.filter((name) => process.env[name] !== undefined);
  const inherited = names.map((name) => [name, process.env[name]]);
  // Else Electron would start this application again.
  return process.versions.electron ? [...inherited, ['ELECTRON_RUN_AS_NODE', '1']] : inherited;
}

/** An odd value is remarked on, and the default is in force: it must not mean no patience at all. */
function readPatience(text) {
  if (!text) {
    return { doubts: [] };
  }
  const patience = Number(text);
  if (/^\d+$/.test(text) && patience >= 1 && patience <= MAX_PATIENCE) {
    return { patience, doubts: [] };
  }
  const shown = JSON.stringify(text);
  const doubt = `${PATIENCE_VARIABLE} must be a whole number of milliseconds from 1 to ${MAX_PATIENCE}, but is ${shown}; the default is used`;
  return { doubts: [doubt] };
}

module.exports = { keeperLaunch };
