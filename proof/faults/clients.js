'use strict';

// Faults of clients: those that read hardly or not at all.

const assert = require('node:assert/strict');
const { once } = require('node:events');

const { AceBaseIPCServer } = require('../../index.js');
const { startCluster } = require('../../__test__/cluster/support/cluster.js');
const { HOST } = require('../../__test__/cluster/support/hub.js');
const { defer } = require('../../__test__/cluster/support/scope.js');
const { sleep, until, within } = require('../../__test__/cluster/support/wait.js');
const { join } = require('../../__test__/support/peer.js');
const { noSignals } = require('../../__test__/support/platform.js');
const { rawJoin } = require('../../__test__/support/raw.js');
const { startPeers } = require('./peers.js');
const { seconds } = require('./seconds.js');

/** How long the end of a connection may take to come, in milliseconds. */
const PATIENCE = 10_000;

/**
 * How long a message between quick clients may take while another one reads a byte a second, in milliseconds, on a busy
 * machine.
 */
const QUICK = 1000;

/** How many bytes the slow reader reads before the flood begins. */
const SIPS = 3;

async function byteBySecond(t) {
  const server = new AceBaseIPCServer({ host: HOST, port: 0, maxQueue: 1024 * 1024, logger: silent() });
  defer(t, () => server.stop());
  await server.start();
  const warnings = [];
  server.on('warning', ({ code }) => warnings.push(code));
  const slow = await rawJoin(server, 'slow-1');
  const [sender, quick] = [await join(server, 'sender'), await join(server, 'quick')];
  slow.socket.pause();
  const left = once(server, 'disconnect');
  let slowest = 0;
  for (let n = 0; n < 1000; n++) {
    const text = `${n} ${'x'.repeat(16_000)}`;
    const sent = performance.now();
    sender.send(text);
    while ((await quick.next()) !== text);
    slowest = Math.max(slowest, performance.now() - sent);
    if (n < SIPS) {
      slow.socket.read(1);
      await sleep(1000);
    }
  }
  const [client, reason] = await within('the end of the slow one', PATIENCE, left);
  slow.socket.destroy();
  assert.deepEqual([client.id, reason], ['slow-1', 'slow']);
  assert.equal(warnings.length, 1, String(warnings));
  assert.ok(slowest < QUICK, `a message to a quick client took ${slowest} ms`);
  return `disconnected at 1 MiB as slow, with one warning; messages to others took ${Math.ceil(slowest)} ms at most`;
}

/** A logger that nobody reads. */
function silent() {
  return Object.fromEntries(['debug', 'info', 'warn', 'error'].map((level) => [level, () => {}]));
}

/**
 * A worker stands still with the write lock, and so much is sent to it that the hub must wait with the rest. TCP gives
 * it up after `userTimeout`: which does not mean that it is dead.
 */
async function stillWithLock(t) {
  const times = { userTimeout: 2000, resumeWindow: 500, releaseLocksAfter: 1000 };
  const { hub, cluster, workers } = await startCluster(t, { hub: times, workers: 1 });
  const clients = () => hub.child.call('clients', cluster.hubName);
  const before = await clients();
  const holder = await cluster.startWorker();
  const [holderId] = (await clients()).filter((id) => !before.includes(id));
  await workers[0].call('set', 'counter', 1);
  await holder.call('hold', 'counter');
  holder.signal('SIGSTOP');
  const peers = startPeers(t, HOST, hub.port);
  await peers.join('flooder', cluster.hubName);
  await peers.call('flood', 'flooder', holderId);
  const stood = Date.now();
  await until('the end of its connection', PATIENCE, async () => !(await clients()).includes(holderId));
  const dropped = Date.now() - stood;
  await sleep(times.releaseLocksAfter + 1000);
  const locks = await hub.child.call('locks', cluster.hubName);
  assert.deepEqual(
    locks.filter(({ write }) => write).map(({ peer, path: place }) => [peer, place]),
    [[holderId, 'counter']],
    'its lock was taken from it',
  );
  return `its connection was given up after ${seconds(dropped)}; the lock was left to it`;
}

const SCENARIOS = [
  {
    fault: 'a client reads one byte per second',
    promise: 'nobody waits for it; at maxQueue it is disconnected, with a warning',
    isQuick: true,
    run: byteBySecond,
  },
  {
    fault: 'a worker stands still with the write lock and a full window, longer than userTimeout',
    promise: 'its connection is given up, its lock is not: it may be writing',
    isQuick: true,
    skip: noSignals,
    run: stillWithLock,
  },
];

module.exports = { SCENARIOS };
