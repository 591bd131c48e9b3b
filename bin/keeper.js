'use strict';

// The keeper of a server's port: a process that holds the listening socket while the server restarts. Not for people:
// servers with `keepPort` start it, and it goes by itself.
//
//   node keeper.js launch <socket file>   starts the keeper, so that it is no child of the server, and ends at once
//   node keeper.js keep <socket file>     is the keeper
//
// Standard input is the connection to the server, in both. The environment variable ACEBASE_IPC_KEEPER_PATIENCE is how
// long the keeper waits for the next server, in milliseconds; 60000 when it is not set.

const { spawn } = require('node:child_process');

const { loadNative } = require('../lib/native.js');

/** The keeper runs almost no JavaScript: with these, Node.js keeps almost no memory for it. */
const FRUGAL = ['--single-threaded', '--max-semi-space-size=1', '--max-old-space-size=32'];

const [role, socketFile] = process.argv.slice(2);

if (role === 'launch') {
  launch();
} else if (role === 'keep') {
  keep();
} else {
  console.error('This program is started by acebase-ipc-server, with the option keepPort.');
  process.exitCode = 1;
}

function launch() {
  const args = [...FRUGAL, __filename, 'keep', socketFile];
  spawn(process.execPath, args, { detached: true, stdio: ['inherit', 'ignore', 'ignore'] }).unref();
}

function keep() {
  process.title = `acebase-ipc-server keeper ${socketFile}`;
  const { ACEBASE_IPC_KEEPER_PATIENCE: patience } = process.env;
  loadNative().keepPort(socketFile, patience ? Number(patience) : undefined);
}
