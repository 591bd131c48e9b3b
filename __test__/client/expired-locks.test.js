'use strict';

// A hub is away for as long as a lock lasts. Who has outlived a lock that had been passed on is refused at once: to the
// master it is somebody else, and would wait there for whoever has got a lock since.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { prepareCluster } = require('../cluster/support/cluster.js');
const { HOST, startHub } = require('../cluster/support/hub.js');
const { sleep, until } = require('../cluster/support/wait.js');
const { ENV } = require('./support/client.js');

/** AceBase's own, in seconds. A lock is passed on for half of it at most: there must be time, on a busy machine. */
const LOCK_TIMEOUT = 8;

/** How much longer the hub is away, in milliseconds: the master's timers are late. */
const ROOM = 1000;

/** How long what must happen may take, in milliseconds: less than a lock lasts. */
const LIMIT = 5000;

const EXPIRED = /has expired/;

/** A hub, a master and three workers. */
async function start(t) {
  const hub = await startHub(t, { passLocksFor: LOCK_TIMEOUT * 1000 });
  const settings = { port: hub.port, env: ENV, ipc: { host: HOST }, lockTimeout: LOCK_TIMEOUT };
  const cluster = prepareCluster(t, settings);
  await cluster.startMaster();
  const workers = await cluster.startWorkers(3);
  // Each has requested something of this hub: what begins later began here.
  await Promise.all(workers.map((worker) => worker.call('set', worker.name, 'here')));
  return { hub, cluster, workers };
}

/** A transaction of the second worker that has been passed a lock of the first one's. */
async function passLock({ hub, cluster, workers: [first, second] }) {
  const [before, after] = [await first.call('begin'), await second.call('begin')];
  await first.call('lock', before, 'shop', true);
  const isPassed = second.call('lock', after, 'shop', true);
  const waits = async () => (await hub.child.call('locks', cluster.hubName)).some(({ state }) => state === 'waiting');
  await until('the second one in line', LIMIT, waits);
  await first.call('unlock', before);
  await isPassed;
  const [lock] = await hub.child.call('locks', cluster.hubName);
  assert.equal(lock.passed, 1, 'the lock was not passed on');
  return after;
}

test('who has outlived a lock gets neither another nor space, and keeps nobody waiting', async (t) => {
  const world = await start(t);
  const { hub, cluster, workers } = world;
  const [, second, third] = workers;
  const outlived = await passLock(world);
  await hub.child.end();
  await sleep(LOCK_TIMEOUT * 1000 + ROOM);
  const next = await startHub(t, { port: hub.port });
  const clients = async () => (await next.child.call('clients', cluster.hubName)).length === 4;
  await until('all are back', LIMIT, clients);

  const late = await third.call('begin');
  await third.callWithin(LIMIT, 'lock', late, 'shop', true);
  const shown = (await next.child.call('locks', cluster.hubName)).find(({ tid }) => tid === outlived);
  assert.deepEqual([shown.state, shown.hasExpired], ['held', true]);
  await assert.rejects(second.callWithin(LIMIT, 'lock', outlived, 'shop/stock', false), EXPIRED);
  await assert.rejects(second.callWithin(LIMIT, 'ask', 'fst.allocate', { records: 1 }), EXPIRED);

  await second.callWithin(LIMIT, 'unlock', outlived);
  await third.callWithin(LIMIT, 'unlock', late);
  await Promise.all(workers.map((worker) => worker.callWithin(LIMIT, 'set', `shop/${worker.name}`, 'written')));
  await until('no lock', LIMIT, async () => (await next.child.call('locks', cluster.hubName)).length === 0);
  const { shop } = await cluster.audit(['shop']);
  assert.deepEqual(shop, Object.fromEntries(workers.map(({ name }) => [name, 'written'])));
  cluster.assertAlive();
});
