'use strict';

// The hub that has the database is lost under load, in each way that there is: another one has it soon, and all go on.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { assertUnharmed, endure } = require('../client/support/ordeal.js');
const { sleep, within } = require('../cluster/support/wait.js');
const { noRedis, startRedis } = require('../support/redis.js');
const { give, nextOwner, ownerOf, startHubs } = require('./support/hubs.js');
const { assertGoesOn, assertNoConflicts } = require('./support/published.js');
const { prepareSpread, prepareSpreadWithClient } = require('./support/spread.js');

/** How long an owner stands still, in milliseconds: two leases. */
const STANDSTILL = 6000;

/** How long a hub is away that is started again, in milliseconds. */
const ABSENCE = 1000;

/**
 * How long hubs have been up that take over, in milliseconds: longer than any of them waits for those that may be back.
 */
const UP_FOR = 11_000;

/** How long a write may take when the owner has left in order, in milliseconds: the machine is busy. */
const PLANNED_LIMIT = 3000;

/** Three hubs, of which the first has the cluster's database. */
async function startOwned(t, prepare, choose = (hubs) => hubs) {
  const redis = await startRedis(t);
  const hubs = await startHubs(t, redis.url);
  const cluster = prepare(t, choose(hubs));
  await give(hubs[0], cluster.hubName);
  return { redis, hubs, cluster };
}

describe('the owner is lost under load', { skip: noRedis, concurrency: true }, () => {
  test('killed, with published clients at other hubs: all go on', async (t) => {
    const { hubs, cluster } = await startOwned(t, prepareSpread, (all) => all.slice(1));
    await assertGoesOn(t, cluster, async () => {
      await hubs[0].kill();
      await nextOwner(hubs.slice(1), cluster.hubName, hubs[0]);
    });
  });

  test('standing still, and back when another one is the owner: it gives up, and all go on', async (t) => {
    const { hubs, cluster } = await startOwned(t, prepareSpread, (all) => all.slice(1));
    await assertGoesOn(t, cluster, async () => {
      await hubs[0].pause();
      await sleep(STANDSTILL);
      const next = await nextOwner(hubs.slice(1), cluster.hubName, hubs[0]);
      hubs[0].resume();
      assert.equal(await ownerOf(hubs, cluster.hubName), next);
    });
  });

  test('killed twice, with the client of this package at all hubs: nothing is lost, nothing comes twice', async (t) => {
    const { hubs, cluster } = await startOwned(t, prepareSpreadWithClient);
    await sleep(UP_FOR);
    const strike = async () => {
      const owner = hubs.find(({ name }) => name === lastOwner);
      await owner.kill();
      lastOwner = await nextOwner(
        hubs.filter((hub) => hub !== owner),
        cluster.hubName,
        owner,
      );
      await sleep(ABSENCE);
      await owner.start();
    };
    let lastOwner = hubs[0].name;
    const figures = await endure(cluster, { strike, what: 'the owner killed', every: 2000, times: 2 });
    assertUnharmed(t, figures);
    assertNoConflicts(cluster);
  });
});

test('an owner that leaves in order is followed at once', { skip: noRedis }, async (t) => {
  const { hubs, cluster } = await startOwned(t, prepareSpread, (all) => all.slice(1));
  await cluster.startMaster();
  const worker = await cluster.startWorker();
  await worker.call('set', 'before', 1);
  await hubs[0].stop();
  // A client that sends while it comes back throws: it is idle in that instant.
  await sleep(500);
  await within('a write', PLANNED_LIMIT, worker.call('set', 'after', 2));
  await nextOwner(hubs.slice(1), cluster.hubName, hubs[0]);
  assert.deepEqual(await cluster.audit(['before', 'after']), { before: 1, after: 2 });
  cluster.assertAlive();
});
