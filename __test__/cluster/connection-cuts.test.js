'use strict';

// Connections break by RST, and the processes at their ends go on.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { prepareCluster, startCluster } = require('./support/cluster.js');
const { startHub } = require('./support/hub.js');
const { assertSameView, assertStored, LoadedWorkers } = require('./support/loaded.js');
const { exchangeNews, watchNews } = require('./support/news.js');
const { startProxy } = require('./support/proxy.js');
const { scale } = require('./support/scale.js');
const { sleep, until } = require('./support/wait.js');

/** How often connections are cut, in milliseconds. */
const CUT_INTERVAL = 2000;

/**
 * AceBase's own, in seconds: what frees the database when a release was lost in the socket of the process that sent it.
 */
const LOCK_TIMEOUT = 3;

/**
 * How long the whole database may stand still, in milliseconds. Cuts come more often than locks expire: the next
 * release may be lost as soon as the first is made up for, and so on a few times.
 */
const STANDSTILL_LIMIT = 5 * LOCK_TIMEOUT * 1000;

/** After how long a request counts as lost, in milliseconds: nothing that the hub has can take that long. */
const GIVE_UP = STANDSTILL_LIMIT + 3000;

/** How long an event may take, in milliseconds; also how long one that must not come is waited for. */
const EVENT_LIMIT = 3000;

/** How long a blip lasts, in milliseconds: less than `resumeWindow`. */
const BLIP = 1500;

/**
 * The published client throws when it sends while it reconnects, and where its own code does not await that, its
 * process dies. No hub can prevent it: a process manager starts another one.
 */
const OWN_DEATH = /readyState 0 \(CONNECTING\)/;

/**
 * One worker's connection breaks; before it is back, another worker writes what it is subscribed to. Returns its
 * events.
 */
async function writeDuringBlip(t, hubOptions) {
  const { hub, cluster, workers } = await startCluster(t, { hub: hubOptions, workers: 1 });
  const proxy = await startProxy(t, hub.port);
  const distant = prepareCluster(t, { port: proxy.port, folder: cluster.folder });
  const reader = await distant.startWorker('reader');
  await reader.call('watch', 'news', 'child_added');
  await sleep(500);
  const letThrough = proxy.hold();
  await proxy.cut();
  await workers[0].call('set', 'news/flash', 'missed?');
  await sleep(BLIP);
  letThrough();
  await until('an event', EVENT_LIMIT, async () => (await reader.call('events')).length > 0).catch(() => {});
  cluster.assertAlive();
  distant.assertAlive();
  return reader.call('events');
}

test('an event in a blip arrives when its receiver is back', async (t) => {
  assert.deepEqual(await writeDuringBlip(t), [{ event: 'child_added', path: 'news/flash', value: 'missed?' }]);
});

test('without sessions it is lost', async (t) => {
  assert.deepEqual(await writeDuringBlip(t, { resumeWindow: 0 }), []);
});

test('all connections are cut under load, again and again', async (t) => {
  const hub = await startHub(t);
  const proxy = await startProxy(t, hub.port);
  const cluster = prepareCluster(t, { port: proxy.port, lockTimeout: LOCK_TIMEOUT });
  await cluster.startMaster();
  const loaded = new LoadedWorkers(cluster, { loops: 2, pause: 10, giveUpAfter: GIVE_UP });
  await loaded.start(3, watchNews);

  let standstill = 0;
  for (const ends = Date.now() + scale.cuts; Date.now() < ends; ) {
    await sleep(CUT_INTERVAL);
    await proxy.cut();
    await sleep(100);
    await loaded.replaceDead(OWN_DEATH);
    standstill = Math.max(standstill, Date.now() - (await loaded.lastConfirmed()));
  }
  const reports = await loaded.stop();
  await loaded.replaceDead(OWN_DEATH);
  const count = (what) => reports.reduce((sum, report) => sum + what(report), 0);
  t.diagnostic(`${count((report) => report.confirmed.length)} writes confirmed`);
  t.diagnostic(`${count((report) => report.lost)} requests lost in sockets of their clients`);
  t.diagnostic(`${loaded.dead.length} processes ended themselves: they sent while they reconnected`);
  t.diagnostic(`failed requests: ${JSON.stringify([...new Set(reports.flatMap((report) => report.failures))])}`);
  t.diagnostic(`longest standstill: ${standstill} ms`);
  cluster.assertAlive(loaded.dead);
  assert.ok(standstill < STANDSTILL_LIMIT, `stood still for ${standstill} ms`);

  // What the last cuts left locked is free then, and a master that was replaced has read its tables.
  await sleep(LOCK_TIMEOUT * 1000);
  await exchangeNews(loaded.workers);
  const tree = await assertStored(cluster, reports);
  await assertSameView(loaded.workers, tree);
});
