'use strict';

// Servers of others that tests put around ours, from the system's packages: where they are found, how they are started,
// and that they end with their test.

const { spawn, spawnSync } = require('node:child_process');
const { once } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');

const { defer, disownProcess, endProcess, ownProcess } = require('../cluster/support/scope.js');
const { isOpen } = require('./port.js');

/** Some are only on the administrator's path. */
const FOLDERS = ['', '/usr/sbin/', '/usr/local/sbin/'];

/** How long one may take until it listens, in milliseconds. */
const PATIENCE = 10_000;

/** How often it is looked whether it listens, in milliseconds. */
const POLL_INTERVAL = 50;

/** How much is kept of what one prints, in characters. */
const MAX_WORDS = 10_000;

/** Where a command is that tells its version with these arguments; `undefined` if there is none. */
function findCommand(name, args) {
  return FOLDERS.map((folder) => folder + name).find((place) => spawnSync(place, args).status === 0);
}

/**
 * Starts one, and waits until it listens.
 * @param {import('node:test').TestContext} t It ends with this test.
 * @param {string[]} command The program, and its arguments.
 * @param {{ cwd?: string, host?: string, port: number, launcher?: string[], env?: Record<string, string> }} settings
 *   `host`, `port`: where it is to listen. `launcher`: a command that starts it, in another network perhaps; then
 *   nobody waits. `env`: added to the environment.
 * @returns {Promise<{ pid: number, signal(name: string): void, kill(): Promise<void>, words(): string }>}
 */
async function startForeign(t, command, { cwd, host = '127.0.0.1', port, launcher = [], env }) {
  const [program, ...args] = [...launcher, ...command];
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { pid } = child;
  let words = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text) => {
      words = (words + text).slice(-MAX_WORDS);
    });
  }
  ownProcess(pid);
  const isRunning = () => child.exitCode === null && child.signalCode === null;
  const ended = once(child, 'close').then(() => disownProcess(pid));
  const foreign = {
    pid,
    words: () => words,
    signal: (name) => child.kill(name),
    async kill() {
      if (isRunning()) {
        endProcess(pid);
      }
      await ended;
    },
  };
  defer(t, foreign.kill);
  if (launcher.length === 0) {
    await untilOpen(program, host, port, isRunning, foreign.words);
  }
  return foreign;
}

async function untilOpen(program, host, port, isRunning, words) {
  const end = Date.now() + PATIENCE;
  while (!(await isOpen(port, host))) {
    if (!isRunning() || Date.now() > end) {
      throw new Error(`${program} does not listen: ${words()}`);
    }
    await sleep(POLL_INTERVAL);
  }
}

module.exports = { findCommand, startForeign };
