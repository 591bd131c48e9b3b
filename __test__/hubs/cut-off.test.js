'use strict';

// The owner alone does not reach Redis: another hub has its database, and it relays its clients there.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { ENV } = require('../client/support/client.js');
const { assertUnharmed, CLIENT_SETTINGS, endure } = require('../client/support/ordeal.js');
const { prepareCluster } = require('../cluster/support/cluster.js');
const { startProxy } = require('../cluster/support/proxy.js');
const { sleep, until, within } = require('../cluster/support/wait.js');
const { join } = require('../support/peer.js');
const { noRedis, startRedis } = require('../support/redis.js');
const { give, nextOwner, startHubs } = require('./support/hubs.js');
const { assertNoConflicts } = require('./support/published.js');
const { hubFor } = require('./support/spread.js');

const DB = 'mydb_data';

/**
 * How long it may take from when another hub has the database until the former owner relays there, in milliseconds: it
 * asks twice a second, and the machine is busy.
 */
const RELAY_LIMIT = 5000;

/** How long a hub may take to notice that Redis is there again, in milliseconds. */
const NOTICE_LIMIT = 10_000;

/** How long all is watched after that, in milliseconds: longer than a lease. */
const AFTERMATH = 4000;

/** How long the owner is cut off, in milliseconds: longer than a session is kept that has no connection. */
const CUT_OFF = 15_000;

/** Three hubs, of which the first one reaches Redis by a way that can be cut. */
async function startWithWay(t) {
  const redis = await startRedis(t);
  const way = await startProxy(t, redis.port);
  const placeOf = (number) => (number === 1 ? { engine: `redis://127.0.0.1:${way.port}` } : {});
  const hubs = await startHubs(t, redis.url, { placeOf });
  return { hubs, way };
}

test('an owner that is cut off from Redis relays to the next one, and nobody notices when it is not any more', {
  skip: noRedis,
}, async (t) => {
  const { hubs, way } = await startWithWay(t);
  const [owner, other] = hubs;
  await give(owner, DB);
  await until('all hubs', NOTICE_LIMIT, async () => (await owner.view()).hubs.length === hubs.length);
  const [here, there] = [await join(owner, 'peer-1'), await join(other, 'peer-2')];
  const heal = way.stall();
  for (const peer of [here, there]) {
    assert.equal((await peer.closed).code, 1012);
  }
  const back = await join(other, 'peer-2');
  const next = await nextOwner(hubs.slice(1), DB, owner);
  const relayed = await within('the next owner', RELAY_LIMIT, join(owner, 'peer-1'));
  const view = await owner.view();
  const [row] = view.databases;
  assert.deepEqual([view.engine.state, row.state, row.owner], ['down', 'elsewhere', next]);
  relayed.send('to:peer-2;by way of the former owner');
  await until('the message', NOTICE_LIMIT, async () => (await back.next()) === 'by way of the former owner');
  heal();
  await until('Redis', NOTICE_LIMIT, async () => (await owner.view()).engine.state === 'up');
  await sleep(AFTERMATH);
  back.send('to:peer-1;still here');
  await until('the answer', NOTICE_LIMIT, async () => (await relayed.next()) === 'still here');
});

test('under load nothing is lost, and nothing comes twice, also where processes know that hub alone', {
  skip: noRedis,
}, async (t) => {
  const { hubs, way } = await startWithWay(t);
  const placeOf = (name) => ({ ipc: { ...CLIENT_SETTINGS, port: hubFor(hubs, name).port } });
  const cluster = prepareCluster(t, { placeOf, logsLocks: true, env: ENV });
  await give(hubs[0], cluster.hubName);
  await until('all hubs', NOTICE_LIMIT, async () => (await hubs[0].view()).hubs.length === hubs.length);
  const strike = async () => {
    const heal = way.stall();
    await nextOwner(hubs.slice(1), cluster.hubName, hubs[0]);
    await sleep(CUT_OFF);
    heal();
  };
  const figures = await endure(cluster, { strike, what: 'the owner cut off from Redis', every: 3000, times: 1 });
  assertUnharmed(t, figures);
  assertNoConflicts(cluster);
});
