'use strict';

// Faults of the network between hub and clients: packets that are slow, lost, or vanish for a while.

const assert = require('node:assert/strict');

const { prepareCluster } = require('../../__test__/cluster/support/cluster.js');
const { assertSameView, assertStored, LoadedWorkers } = require('../../__test__/cluster/support/loaded.js');
const { exchangeNews, watchNews } = require('../../__test__/cluster/support/news.js');
const { sleep, until } = require('../../__test__/cluster/support/wait.js');
const { startPeers } = require('./peers.js');
const { seconds } = require('./seconds.js');
const { startDistantHub } = require('./wire.js');

/** How long any request may take, in milliseconds. */
const HANG_LIMIT = 20_000;

/** How long the load goes on where a fault has no length of its own, in milliseconds. */
const LOAD_TIME = 60_000;

/** What the published client does after ten seconds without a sign of life: it ends its own process. */
const SILENCE_DEATH = /valid error code number/;

/**
 * How long TCP may take to notice that packets get through again, in milliseconds: it asks at intervals that double.
 */
const RETRY = 15_000;

/** A cluster under load at the other end of the wire. */
async function startDistantLoad(t, { workers, ...settings }) {
  const { hub, wire, distance } = await startDistantHub(t);
  const cluster = prepareCluster(t, { port: hub.port, ...distance, ...settings });
  await cluster.startMaster();
  const loaded = new LoadedWorkers(cluster, { loops: 1, pause: 100, giveUpAfter: HANG_LIMIT });
  await loaded.start(workers, watchNews);
  return { hub, wire, cluster, loaded };
}

/**
 * Nothing was lost, nobody has died, everybody hears everybody, and what was confirmed is stored. Returns what was
 * seen.
 */
async function assertUnharmed({ cluster, loaded }) {
  const reports = await loaded.stop();
  cluster.assertAlive();
  for (const { name, lost, failures } of reports) {
    assert.deepEqual({ lost, failures }, { lost: 0, failures: [] }, name);
  }
  await exchangeNews(loaded.workers);
  await assertSameView(loaded.workers, await assertStored(cluster, reports));
  const confirmed = reports.reduce((sum, report) => sum + report.confirmed.length, 0);
  return `${confirmed} writes confirmed and stored, slowest request ${seconds(Math.max(...reports.map((report) => report.slowest)))}`;
}

async function slowAndLossy(t) {
  const distant = await startDistantLoad(t, { workers: 2 });
  await distant.wire.set({ delay: 0.1, loss: 0.05 });
  await sleep(LOAD_TIME);
  await distant.wire.set({ delay: 0, loss: 0 });
  return assertUnharmed(distant);
}

/** All packets vanish for a while, in both directions. */
async function swallow(wire, time) {
  await wire.set({ isOpen: false });
  await sleep(time);
  await wire.set({ isOpen: true });
}

async function shortPartition(t) {
  const distant = await startDistantLoad(t, { workers: 2 });
  await sleep(2000);
  await swallow(distant.wire, 4000);
  const healed = Date.now();
  await until('writes of all workers', RETRY, () => distant.loaded.allWroteSince(healed));
  const recovery = Date.now() - healed;
  return `all wrote again after ${seconds(recovery)}; ${await assertUnharmed(distant)}`;
}

/** Two plain peers: `near-1` beside the hub, and one at the other end of the wire. */
async function startNearAndFar(t, farId) {
  const { hub, wire, distance } = await startDistantHub(t);
  const near = startPeers(t, '127.0.0.1', hub.port);
  const far = startPeers(t, wire.nearHost, hub.port, distance.launcher);
  await near.join('near-1');
  await far.join(farId);
  return { wire, near, far };
}

async function plainPartition(t) {
  const { near, far, wire } = await startNearAndFar(t, 'far-1');
  const say = (first, count) =>
    Promise.all([
      near.call('send', 'near-1', 'far-1', first, count),
      far.call('send', 'far-1', 'near-1', first, count),
    ]);
  await say(0, 100);
  await wire.set({ isOpen: false });
  await say(100, 100);
  await sleep(10_000);
  await say(200, 100);
  await wire.set({ isOpen: true });
  const healed = Date.now();
  await Promise.all([near.gets('near-1', 300, RETRY), far.gets('far-1', 300, RETRY)]);
  const recovery = Date.now() - healed;
  const tidings = (await near.call('tidings', 'near-1')).filter((tiding) => tiding.startsWith('disconnect'));
  assert.deepEqual(tidings, []);
  return `600 of 600 messages came once and in order, ${seconds(recovery)} after the end`;
}

/** A worker is cut off under load; the hub, the master and another worker are not. */
async function partitionOfWorker(t) {
  const lockTimeout = 20;
  const { hub, wire, distance } = await startDistantHub(t);
  const cluster = prepareCluster(t, { port: hub.port, lockTimeout });
  await cluster.startMaster();
  const settings = { loops: 1, pause: 100, giveUpAfter: lockTimeout * 1000 + 10_000 };
  const near = new LoadedWorkers(cluster, settings);
  await near.start(1);
  const distant = prepareCluster(t, { port: hub.port, lockTimeout, folder: cluster.folder, ...distance });
  distant.master = cluster.master;
  const far = new LoadedWorkers(distant, settings);
  // The first name is that of the near worker, and names are places in the database.
  await distant.startWorker();
  await far.start(1);
  await sleep(2000);
  await swallow(wire, 12_000);
  await far.workers[0].exited;
  assert.match(far.workers[0].lastWords, SILENCE_DEATH);
  await far.replaceDead(SILENCE_DEATH);
  const healed = Date.now();
  await until('writes of both', settings.giveUpAfter, async () => {
    const all = await Promise.all([near.allWroteSince(healed), far.allWroteSince(healed)]);
    return all.every(Boolean);
  });
  const [waited] = await near.stop();
  const { lost, failures, slowest } = waited;
  assert.deepEqual({ lost, failures }, { lost: 0, failures: [] });
  assert.ok(slowest < lockTimeout * 1000 + 5000, `a request took ${slowest} ms`);
  await assertStored(cluster, [waited, ...(await far.stop())]);
  return `the cut-off client ended itself after 10 s, as published clients do; the others waited ${seconds(slowest)} at most`;
}

/** A client's process stands still for less than `userTimeout`, with a full window: its host answers for it. */
async function standstill(t) {
  const { near, far } = await startNearAndFar(t, 'still-1');
  await far.call('pause', 'still-1');
  await near.call('flood', 'near-1', 'still-1');
  await near.call('send', 'near-1', 'still-1', 0, 1000);
  await sleep(20_000);
  await far.call('resume', 'still-1');
  await far.gets('still-1', 1000, 60_000);
  assert.deepEqual(await near.call('tidings', 'near-1'), ['connect:still-1']);
  return '10 MB, and the 1000 messages behind them, came once and in order';
}

const SCENARIOS = [
  {
    fault: '200 ms round trip, 5 % of packets lost each way, a minute of load',
    promise: 'every write is confirmed and stored; nobody ends; events arrive once',
    run: slowAndLossy,
  },
  {
    fault: 'all packets vanish for 4 s under load',
    promise: 'nothing is lost, nobody ends',
    run: shortPartition,
  },
  {
    fault: 'all packets vanish for 10 s between plain clients',
    promise: 'each message arrives once, in order; nobody is told of a departure',
    run: plainPartition,
  },
  {
    fault: 'one worker is cut off for 12 s under load',
    promise:
      'the others wait for its locks until lockTimeout ends them, and 5 s at most for all else; nothing confirmed is lost',
    run: partitionOfWorker,
  },
  {
    fault: 'a client stands still for 20 s with a full window',
    promise: 'within userTimeout a busy client is not a dead one: it keeps its connection and gets everything',
    run: standstill,
  },
];

module.exports = { SCENARIOS };
