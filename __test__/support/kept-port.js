'use strict';

// A port that servers follow one another on, each a process of its own, and the folder of its keeper.

const { readdirSync } = require('node:fs');
const path = require('node:path');

const { makeFolder } = require('./folder.js');
const { keeperOf } = require('./keeper.js');
const { freePort } = require('./port.js');
const { COMMAND, start } = require('./process.js');

const HUB = path.join(__dirname, 'hub-process.js');

/** How long, in milliseconds, keepers wait here: longer than a restart takes on a busy machine, and not for ever. */
const KEEPER_PATIENCE = 15_000;

/** A port, and a folder for the keeper's socket file that only this test uses. `common`: options of all its servers. */
async function makeScene(t, common = {}) {
  const port = await freePort();
  const servers = [];
  t.after(async () => {
    await Promise.all(servers.map((server) => end(server, 'SIGKILL')));
    const keeper = keeperOf(port);
    if (keeper) {
      process.kill(keeper.pid, 'SIGKILL');
    }
  });
  const folder = makeFolder(t, 'keep-port');
  const env = { ...process.env, TMPDIR: folder, ACEBASE_IPC_KEEPER_PATIENCE: String(KEEPER_PATIENCE) };
  /** Starts a script as a server, without waiting for it. `openFiles`: how many it may have. */
  const launch = (script, args, { variables, openFiles, ...options } = {}) => {
    const [program, ...before] = openFiles ? withLimit(openFiles, process.execPath) : [process.execPath];
    const server = start(t, program, [...before, script, ...args], { env: { ...env, ...variables }, ...options });
    servers.push(server);
    return server;
  };
  return {
    port,
    folder,
    /** Starts a server, without waiting for it. */
    launch(config = {}, options = {}) {
      return launch(HUB, [JSON.stringify({ host: '127.0.0.1', port, keepPort: true, ...common, ...config })], options);
    },
    /** Starts a script that is given as text. */
    evaluate: (script, options = {}) => launch('-e', [script], options),
    /** Starts a server, and waits until it runs. */
    async hub(config, options) {
      const hub = this.launch(config, options);
      await hub.printed(/running on port/);
      return hub;
    },
    /** Starts the command. */
    async command(variables) {
      const command = launch(COMMAND, [`PORT=${port}`], { variables });
      await command.printed(/running on port/);
      return command;
    },
    /** The folder with the socket files. */
    directory: () => path.join(folder, readdirSync(folder)[0]),
  };
}

/** A command that runs a program that may have so many open files. */
function withLimit(openFiles, program) {
  return ['/bin/sh', '-c', `ulimit -n ${openFiles}; exec "$0" "$@"`, program];
}

async function end(hub, signal) {
  hub.child.kill(signal);
  return hub.ended;
}

module.exports = { end, makeScene };
