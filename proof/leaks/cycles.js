'use strict';

// Starts and stops servers in this one process, again and again, each with clients that come, talk and go; prints what
// the process uses after some of them, and after all: `node --expose-gc cycles.js <warm-up> <cycles>`. A cycle does all
// that a server can be asked to do with memory: both transports, both ways of large messages, events, sessions that are
// away when it stops.

const assert = require('node:assert/strict');
const { fork } = require('node:child_process');
const { once } = require('node:events');
const { readdirSync } = require('node:fs');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');

const { pem } = require('../../__test__/support/certificates.js');
const { AceBaseIPCServer } = require('../../index.js');

/** Before usage is read, in milliseconds: time for sockets to close and threads to end. */
const SETTLE = 300;

/** All that differs from one cycle to another. */
const VARIANTS = [
  { isTls: false, largeMessages: 'push' },
  { isTls: true, largeMessages: 'push' },
  { isTls: false, largeMessages: 'download' },
  { isTls: true, largeMessages: 'download' },
];

class Clients {
  #child = fork(path.join(__dirname, 'clients.js'), { execArgv: [] });

  send(server) {
    this.#child.send(server);
  }

  /** Waits until they say so. */
  async have(done) {
    const [said] = await once(this.#child, 'message');
    assert.equal(said.error ?? said, done);
  }

  end() {
    this.#child.disconnect();
  }
}

/** One life of a server. `n` says which variant. */
async function cycle(n, clients) {
  const { isTls, largeMessages } = VARIANTS[n % VARIANTS.length];
  const ssl = isTls ? { ssl: pem() } : {};
  const server = new AceBaseIPCServer({
    host: '127.0.0.1',
    port: 0,
    maxPayload: 16_384,
    largeMessages,
    // The clients return no locks, and are not waited for in each of many lives.
    drainTimeout: 0,
    ...ssl,
  });
  let events = 0;
  for (const name of ['connect', 'disconnect', 'message', 'coordination']) {
    server.on(name, () => events++);
  }
  await server.start();
  clients.send({ port: server.port, isTls, largeMessages });
  await clients.have('talked');
  await server.stop();
  await clients.have('left');
  assert.ok(events > 0);
}

/** What this process uses, when all that can be freed is freed. */
async function usage() {
  await sleep(SETTLE);
  globalThis.gc();
  const { rss, heapUsed } = process.memoryUsage();
  return {
    rss,
    heapUsed,
    threads: readdirSync('/proc/self/task').length,
    files: readdirSync('/proc/self/fd').length,
    handles: process._getActiveHandles().length,
    resources: process.getActiveResourcesInfo().sort(),
  };
}

async function main(warmUp, cycles) {
  const print = console.log;
  console.log = () => {};
  const clients = new Clients();
  for (let n = 0; n < warmUp; n++) {
    await cycle(n, clients);
  }
  const before = await usage();
  for (let n = 0; n < cycles; n++) {
    await cycle(n, clients);
  }
  print(JSON.stringify({ before, after: await usage() }));
  clients.end();
}

main(...process.argv.slice(2).map(Number));
