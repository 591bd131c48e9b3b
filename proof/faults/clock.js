'use strict';

// The clock of a host is set, by an hour, while everything runs. Needs libfaketime, which stands between a process and
// its clock.

const assert = require('node:assert/strict');
const path = require('node:path');

const { startChild } = require('../../__test__/cluster/support/child.js');
const { prepareCluster } = require('../../__test__/cluster/support/cluster.js');
const { HOST } = require('../../__test__/cluster/support/hub.js');
const { settableClock, wrongClock } = require('../wrong-clock.js');
const { seconds } = require('./seconds.js');

/** The hub's `releaseLocksAfter`, in milliseconds. */
const RELEASE_AFTER = 10_000;

/** How much later than it should a thing may happen on a busy machine, in milliseconds. */
const SLACK = 6000;

/** AceBase's own, in seconds, where a lock has to expire. */
const LOCK_TIMEOUT = 5;

/** A hub whose clock can be set. */
async function startSettableHub(t) {
  const { env, set } = settableClock(t);
  const script = path.join(__dirname, '..', '..', '__test__', 'cluster', 'support', 'hub-process.js');
  const hub = startChild(t, 'hub', script, [JSON.stringify({ host: HOST, port: 0 })], env);
  return { port: await hub.call('start'), set };
}

/** How long another worker's write waits for the lock of a worker that is killed, in milliseconds. */
async function waitForDead(cluster, waiting) {
  const holder = await cluster.startWorker();
  await holder.call('hold', 'counter');
  const written = waiting.callWithin(RELEASE_AFTER + SLACK, 'set', 'patience', 'rewarded');
  const killed = Date.now();
  await holder.end();
  await written;
  return Date.now() - killed;
}

async function clockOfHub(t) {
  const hub = await startSettableHub(t);
  const cluster = prepareCluster(t, { port: hub.port });
  await cluster.startMaster();
  const waiting = await cluster.startWorker();
  await waiting.call('set', 'counter', 1);
  const waits = [];
  for (const offset of ['+3600', '-3600']) {
    hub.set(offset);
    waits.push(await waitForDead(cluster, waiting));
  }
  for (const wait of waits) {
    assert.ok(wait >= RELEASE_AFTER, `a lock was released after ${wait} ms`);
  }
  return `locks of dead processes were released after ${waits.map(seconds).join(' and ')}`;
}

/**
 * The hub has been running since before the clocks were set; the cluster was started again since, as a process manager
 * does.
 */
async function clockOfCluster(t, offset) {
  const hub = await startSettableHub(t);
  hub.set(offset);
  const env = wrongClock({ FAKETIME: offset });
  const cluster = prepareCluster(t, { port: hub.port, lockTimeout: LOCK_TIMEOUT, env });
  await cluster.startMaster();
  const waiting = await cluster.startWorker();
  const holder = await cluster.startWorker();
  await waiting.call('set', 'counter', 1);
  await holder.call('hold', 'counter');
  const held = Date.now();
  holder.signal('SIGSTOP');
  await cluster.master.end();
  await cluster.startMaster();
  await waiting.callWithin(LOCK_TIMEOUT * 1000 + SLACK, 'set', 'patience', 'rewarded');
  return `the lock that a former master had granted for ${LOCK_TIMEOUT} s ended after ${seconds(Date.now() - held)}`;
}

const SCENARIOS = [
  {
    fault: "the clock of the hub's host is set forward and back by an hour",
    promise: 'what waits, waits neither shorter nor longer',
    run: clockOfHub,
  },
  {
    fault:
      'all clocks are set forward by an hour while the hub runs; then the master dies, and a worker stands still with the write lock',
    promise: 'the lock of the former master ends by its lockTimeout',
    run: (t) => clockOfCluster(t, '+3600'),
  },
  {
    fault: 'the same, with clocks set back',
    promise: 'the same',
    run: (t) => clockOfCluster(t, '-3600'),
  },
];

module.exports = { SCENARIOS };
