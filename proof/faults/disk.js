'use strict';

// Faults of the disk that the log goes to.

const assert = require('node:assert/strict');
const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmdirSync,
  statSync,
  truncateSync,
} = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');

const { AceBaseIPCServer } = require('../../index.js');
const { HOST } = require('../../__test__/cluster/support/hub.js');
const { defer } = require('../../__test__/cluster/support/scope.js');
const { sleep, within } = require('../../__test__/cluster/support/wait.js');
const { join } = require('../../__test__/support/peer.js');
const { freePort } = require('../../__test__/support/port.js');
const { COMMAND } = require('../../__test__/support/process.js');

/** A device on which every write fails for want of room. */
const FULL = '/dev/full';

/** The size of a disk that is soon full: one page of memory, in bytes. */
const SMALL_DISK = 4096;

/** How long a process may take to start or to end, in milliseconds. */
const PATIENCE = 10_000;

/** The command, whose standard output goes to a file, and standard error perhaps too. */
class LoggedHub {
  #process;
  #ended;
  #port;
  #clients = 0;
  /** What it said on its standard error, if that is not a file. */
  said = '';

  constructor(t, port, stdout, stderr) {
    this.#port = port;
    const args = [COMMAND, `host=${HOST}`, `port=${port}`, 'keep_port=false'];
    this.#process = spawn(process.execPath, args, { stdio: ['ignore', stdout, stderr, 'ipc'] });
    this.#ended = once(this.#process, 'close');
    defer(t, () => this.#process.kill('SIGKILL'));
    this.#process.stderr?.on('data', (text) => {
      this.said += text;
    });
  }

  started() {
    return within('the start', PATIENCE, once(this.#process, 'message'));
  }

  /** Clients come and go, which has two lines in the log each, and are served. */
  async serve(count) {
    for (let n = 0; n < count; n++) {
      const client = await join({ port: this.#port }, `client-${++this.#clients}`);
      client.send('ping');
      assert.equal(await client.next(), 'pong');
      await client.close();
    }
  }

  async stopInOrder() {
    this.#process.kill('SIGTERM');
    assert.deepEqual(await within('the end', PATIENCE, this.#ended), [0, null]);
  }
}

/** Starts the command with its standard output in a file. */
async function startLogged(t, file, { isErrorThere }) {
  const output = openSync(file, 'a');
  const hub = new LoggedHub(t, await freePort(), output, isErrorThere ? output : 'pipe');
  closeSync(output);
  await hub.started();
  return hub;
}

async function fullDisk(t) {
  const said = [];
  for (const isErrorThere of [true, false]) {
    const hub = await startLogged(t, FULL, { isErrorThere });
    await hub.serve(20);
    await hub.stopInOrder();
    said.push(hub.said);
  }
  assert.equal(said[1].match(/ENOSPC/g)?.length, 1, said[1]);
  return 'served 20 clients and stopped in order; one warning where standard error had room';
}

/** The folder is a disk of its own; nobody outside this run's mounts sees it. */
function mountSmallDisk(t) {
  const folder = mkdtempSync(path.join(tmpdir(), 'acebase-ipc-disk-'));
  defer(t, () => rmdirSync(folder));
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SMALL_DISK}`, 'tmpfs', folder]);
  defer(t, () => execFileSync('umount', [folder]));
  return folder;
}

async function diskWithRoomAgain(t) {
  const file = path.join(mountSmallDisk(t), 'hub.log');
  const hub = await startLogged(t, file, { isErrorThere: false });
  await hub.serve(100);
  assert.equal(statSync(file).size, SMALL_DISK, 'the disk was not full');
  truncateSync(file);
  await hub.serve(5);
  await hub.stopInOrder();
  const lines = readFileSync(file, 'utf8').trim().split('\n');
  assert.match(lines.at(-1), /server stopped/);
  assert.equal(hub.said.match(/ENOSPC/g)?.length, 1, hub.said);
  return `one warning; ${lines.length} lines since there was room, the last one of the stop`;
}

async function failingLogger(t) {
  const fail = () => {
    throw new Error('ENOSPC: no space left on device, write');
  };
  const warnings = [];
  const listen = ({ code }) => warnings.push(code);
  process.on('warning', listen);
  defer(t, () => process.off('warning', listen));
  const logger = { debug: fail, info: fail, warn: fail, error: fail };
  const server = new AceBaseIPCServer({ host: HOST, port: 0, logger });
  await server.start();
  await (await join(server, 'client-1')).close();
  await server.stop();
  await sleep(0);
  assert.deepEqual(warnings, ['log-failed']);
  return 'started, served and stopped, with one warning';
}

const SCENARIOS = [
  {
    fault: 'the disk for the log is full',
    promise: 'the server goes on and warns once',
    isQuick: true,
    skip: !existsSync(FULL) && `there is no ${FULL}`,
    run: fullDisk,
  },
  {
    fault: 'the disk for the log fills, and gets room again',
    promise: 'the server goes on and warns once; the log goes on when it can',
    run: diskWithRoomAgain,
  },
  {
    fault: 'the logger of the application throws',
    promise: 'the server goes on and warns once',
    isQuick: true,
    run: failingLogger,
  },
];

module.exports = { SCENARIOS };
