'use strict';

// A hub that only relays is lost: its own clients go to another one, and nobody else notices.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { assertUnharmed, endure } = require('../client/support/ordeal.js');
const { LoadedWorkers } = require('../cluster/support/loaded.js');
const { sleep } = require('../cluster/support/wait.js');
const { noRedis, startRedis } = require('../support/redis.js');
const { give, ownerOf, startHubs } = require('./support/hubs.js');
const { assertNoConflicts } = require('./support/published.js');
const { prepareSpread, prepareSpreadWithClient } = require('./support/spread.js');

/** How long a hub is away, in milliseconds. */
const ABSENCE = 1000;

/** How long the load goes on before and after the fault, in milliseconds. */
const LOAD = 2000;

/** The longest that a write may take at a hub that is not concerned, in milliseconds: the machine is busy. */
const UNNOTICED = 10_000;

test('killed under load, again and again, with the client of this package: nothing is lost', {
  skip: noRedis,
}, async (t) => {
  const redis = await startRedis(t);
  const hubs = await startHubs(t, redis.url);
  const cluster = prepareSpreadWithClient(t, hubs);
  await give(hubs[0], cluster.hubName);
  let next = 0;
  const strike = async () => {
    const relay = hubs[1 + (next++ % 2)];
    await relay.kill();
    await sleep(ABSENCE);
    await relay.start();
  };
  const figures = await endure(cluster, { strike, what: 'a relay killed', every: 2000, times: 2 });
  assertUnharmed(t, figures);
  assert.equal(await ownerOf(hubs, cluster.hubName), hubs[0].name);
  assertNoConflicts(cluster);
});

test('published clients of other hubs do not notice when one is killed', { skip: noRedis }, async (t) => {
  const redis = await startRedis(t);
  const hubs = await startHubs(t, redis.url);
  const cluster = prepareSpread(t, hubs.slice(0, 2));
  await give(hubs[0], cluster.hubName);
  await cluster.startMaster();
  const load = new LoadedWorkers(cluster, { loops: 1, pause: 10, giveUpAfter: 20_000 });
  await load.start(2);
  await sleep(LOAD);
  await hubs[2].kill();
  await sleep(LOAD);
  for (const { name, lost, failures, slowest } of await load.stop()) {
    assert.deepEqual({ lost, failures }, { lost: 0, failures: [] }, name);
    assert.ok(slowest < UNNOTICED, `${name}: ${slowest} ms`);
  }
  cluster.assertAlive();
});
