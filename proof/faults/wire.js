'use strict';

// A network of its own at the far end of a wire. Processes are started there; what they send comes through the wire,
// with whatever delay and loss it is told to have. Needs Linux, root (of a user namespace perhaps), `ip`, `unshare`,
// `nsenter` and Python 3.

const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { createInterface } = require('node:readline');

const { startHub } = require('../../__test__/cluster/support/hub.js');
const { defer } = require('../../__test__/cluster/support/scope.js');
const { within } = require('../../__test__/cluster/support/wait.js');

/** Names of the two devices, and their addresses: of the block for documentation, so that they are nobody's. */
const DEVICES = { near: 'ipc-near', far: 'ipc-far' };
const ADDRESSES = { near: '192.0.2.1', far: '192.0.2.2' };

/** The same packets are lost in each run, as far as the same ones are sent. */
const SEED = 1;

/** How long the wire may take for anything, in milliseconds. */
const PATIENCE = 10_000;

const run = (command, ...args) => execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });

class Wire {
  #process;
  #answers;

  constructor(process) {
    this.#process = process;
    this.#answers = createInterface(process.stdout)[Symbol.asyncIterator]();
  }

  /** The address of this side, as the far side knows it. */
  nearHost = ADDRESSES.near;

  /** What starts a process on the far side. */
  get launcher() {
    return ['nsenter', `--net=/proc/${this.#process.pid}/ns/net`];
  }

  async answer() {
    const { done } = await within('the wire', PATIENCE, this.#answers.next());
    if (done) {
      throw new Error('the wire has ended');
    }
  }

  /** @param {{ delay?: number, loss?: number, isOpen?: boolean }} settings As wire.py has them. */
  async set(settings) {
    this.#process.stdin.write(`${JSON.stringify(settings)}\n`);
    await this.answer();
  }

  /** Gives both ends their devices and addresses. */
  connect() {
    const [enter, net] = this.launcher;
    run(enter, net, 'ip', 'link', 'set', DEVICES.near, 'netns', String(process.pid));
    for (const [device, address, prefix] of [
      [DEVICES.near, ADDRESSES.near, []],
      [DEVICES.far, ADDRESSES.far, this.launcher],
    ]) {
      const [command, ...args] = [...prefix, 'ip'];
      run(command, ...args, 'address', 'add', `${address}/30`, 'dev', device);
      run(command, ...args, 'link', 'set', device, 'up');
      run(command, ...args, 'link', 'set', 'lo', 'up');
    }
  }

  async end() {
    const ended = once(this.#process, 'close');
    this.#process.stdin.end();
    await within('the end of the wire', PATIENCE, ended);
  }
}

/**
 * Lays a wire from this process's network to a new one.
 * @param {import('node:test').TestContext} t It is cut with this test.
 */
async function layWire(t) {
  const script = path.join(__dirname, 'wire.py');
  const args = ['--net', 'python3', script, DEVICES.near, DEVICES.far, String(SEED)];
  const wire = new Wire(spawn('unshare', args, { stdio: ['pipe', 'pipe', 'inherit'] }));
  defer(t, () => wire.end());
  await wire.answer();
  wire.connect();
  return wire;
}

/** A hub here, and a wire to the other side. */
async function startDistantHub(t) {
  const hub = await startHub(t, { host: undefined });
  const wire = await layWire(t);
  const distance = { ipc: { host: wire.nearHost }, launcher: wire.launcher };
  return { hub, wire, distance };
}

module.exports = { startDistantHub };
