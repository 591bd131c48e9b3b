'use strict';

// Redis is away, another one, or not there yet: nobody changes the owner, and all go on.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { assertSameView, assertStored, LoadedWorkers } = require('../cluster/support/loaded.js');
const { sleep, until, within } = require('../cluster/support/wait.js');
const { noRedis, startRedis, startWatchedRedis } = require('../support/redis.js');
const { connect, join } = require('../support/peer.js');
const { give, ownerOf, startHubs } = require('./support/hubs.js');
const { assertNoConflicts } = require('./support/published.js');
const { prepareSpread } = require('./support/spread.js');

/**
 * Leases here last longer than usual, in milliseconds: hubs must find out in that time that the engine is down for all,
 * also on a busy machine.
 */
const LEASE = 8000;

/** How long Redis is away, in milliseconds: longer than a lease. */
const ABSENCE = 12_000;

/** How long all go on afterwards, in milliseconds: longer than a lease, and than hubs wait after an outage. */
const AFTERMATH = 10_000;

/** How long the load runs before, in milliseconds. */
const PRELUDE = 1500;

/** The longest that a write may take, in milliseconds: Redis is asked for none, but the machine is busy. */
const UNNOTICED = 10_000;

/** How long the Sentinels may take to name another Redis, in milliseconds. */
const FAILOVER = 8000;

/** How long a hub may take to notice that Redis is there, in milliseconds. */
const NOTICE_LIMIT = 10_000;

/** A cluster under load at three hubs, while something happens to the engine: nobody notices, and the owner stays. */
async function assertUnnoticed(t, url, strike) {
  const hubs = await startHubs(t, url, { options: [`cluster_lease_time=${LEASE}`] });
  const cluster = prepareSpread(t, hubs);
  await give(hubs[0], cluster.hubName);
  await cluster.startMaster();
  const load = new LoadedWorkers(cluster, { loops: 1, pause: 10, giveUpAfter: 20_000 });
  await load.start(3);
  await sleep(PRELUDE);
  await strike(hubs);
  await sleep(AFTERMATH);
  const reports = await load.stop();
  for (const { name, lost, failures, slowest } of reports) {
    assert.deepEqual({ lost, failures }, { lost: 0, failures: [] }, name);
    assert.ok(slowest < UNNOTICED, `${name}: ${slowest} ms`);
  }
  assert.equal(await ownerOf(hubs, cluster.hubName), hubs[0].name);
  await assertSameView(load.workers, await assertStored(cluster, reports));
  cluster.assertAlive();
  assertNoConflicts(cluster);
}

describe('the engine', { skip: noRedis }, () => {
  test('killed, and back without its memory', async (t) => {
    const redis = await startRedis(t);
    await assertUnnoticed(t, redis.url, async () => {
      await redis.kill();
      await sleep(ABSENCE);
      await redis.start();
    });
  });

  test('killed, and replaced by its replica, which Sentinels choose', async (t) => {
    const { url, primary } = await startWatchedRedis(t);
    await assertUnnoticed(t, url, async () => {
      await primary.kill();
      await sleep(FAILOVER);
    });
  });
});

test('without it at the start, clients wait, /readyz says so, and all go on when it is there', {
  skip: noRedis,
}, async (t) => {
  const redis = await startRedis(t);
  await redis.kill();
  const [hub] = await startHubs(t, redis.url, { count: 1 });
  const { status } = await hub.ask('GET /readyz');
  assert.equal(status, 503);
  assert.equal((await hub.ask('GET /healthz')).status, 200);
  const early = await connect(hub, 'early-1');
  early.send('ping');
  assert.equal(await early.next(), 'pong');
  await redis.start();
  assert.match(await within('the welcome', NOTICE_LIMIT, early.next()), /^welcome:/);
  await until('a ready hub', NOTICE_LIMIT, async () => (await hub.ask('GET /readyz')).status === 200);
  const late = await join(hub, 'late-1');
  early.send('to:late-1;hello');
  assert.equal(await late.next(), 'hello');
});
