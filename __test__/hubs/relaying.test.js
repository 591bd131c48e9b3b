'use strict';

// Processes on different hubs are one cluster: they write, hear of each other's writes, and see each other.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { assertSameView, assertStored, LoadedWorkers } = require('../cluster/support/loaded.js');
const { exchangeNews, watchNews } = require('../cluster/support/news.js');
const { longText, summary } = require('../cluster/support/text.js');
const { sleep, until } = require('../cluster/support/wait.js');
const { noRedis, startRedis } = require('../support/redis.js');
const { give, ownerOf, startHubs } = require('./support/hubs.js');
const { assertNoConflicts } = require('./support/published.js');
const { prepareSpread } = require('./support/spread.js');

/** In bytes: goes by POST, which the hub relays as well. */
const MEGABYTE = 1_000_000;

/** How long an event may take, in milliseconds. */
const EVENT_LIMIT = 10_000;

/** How long the load goes on, in milliseconds. */
const LOAD = 3000;

/** After how long a request counts as lost, in milliseconds: no fault is part of this. */
const GIVE_UP = 20_000;

/** In milliseconds: longer than an idle client waits until it asks its hub for a sign of life. */
const IDLE = 7000;

test('a master and workers on three hubs: all is written, heard and stored', { skip: noRedis }, async (t) => {
  const redis = await startRedis(t);
  const hubs = await startHubs(t, redis.url);
  const cluster = prepareSpread(t, [hubs[1], hubs[2], hubs[0]]);
  await give(hubs[0], cluster.hubName);
  await cluster.startMaster();
  const load = new LoadedWorkers(cluster, { loops: 2, pause: 0, giveUpAfter: GIVE_UP });
  await load.start(3, watchNews);
  await sleep(LOAD);
  const reports = await load.stop();
  for (const { name, lost, failures } of reports) {
    assert.deepEqual({ lost, failures }, { lost: 0, failures: [] }, name);
  }
  assert.equal(await ownerOf(hubs, cluster.hubName), hubs[0].name);
  await exchangeNews(load.workers);
  await assertSameView([...load.workers, cluster.master], await assertStored(cluster, reports));
  cluster.assertAlive();
  assertNoConflicts(cluster);
});

test('long values, silence, and who is there: as at one hub', { skip: noRedis }, async (t) => {
  const redis = await startRedis(t);
  const hubs = await startHubs(t, redis.url);
  const cluster = prepareSpread(t, hubs);
  await give(hubs[0], cluster.hubName);
  await cluster.startMaster();
  const [second, third] = await cluster.startWorkers(2);
  await third.call('watch', 'long', 'value');
  await sleep(500);
  await second.call('setLong', 'long', MEGABYTE);
  await until('the event', EVENT_LIMIT, async () => (await third.call('events')).length > 0);
  const value = summary(longText(MEGABYTE));
  assert.deepEqual(await third.call('events'), [{ event: 'value', path: 'long', value }]);

  const lists = await Promise.all(hubs.map((hub) => hub.ask(`GET /${cluster.hubName}/clients`)));
  const ids = lists.map(({ body }) =>
    JSON.parse(body)
      .map(({ id }) => id)
      .sort(),
  );
  assert.equal(ids[0].length, 3);
  assert.deepEqual(ids, [ids[0], ids[0], ids[0]]);

  await sleep(IDLE);
  cluster.assertAlive();
  await second.call('set', 'after', 'silence');
  assert.equal(await third.call('get', 'after'), 'silence');
});
