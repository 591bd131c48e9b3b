'use strict';

// A worker writes an object of very many children at once: it asks for a lock for each.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { startCluster } = require('./support/cluster.js');
const { until } = require('./support/wait.js');

const CHILDREN = 50_000;

/** How long the write may take, in milliseconds: a master needs about 1 ms for each child, alone on its processor. */
const WRITE_LIMIT = 300_000;

/** Of the locks, in seconds: the whole write is one transaction. */
const LOCK_TIMEOUT = 600;

test('an object of 50,000 children is written, and others wait for it without a failure', async (t) => {
  const { hub, cluster, workers } = await startCluster(t, { workers: 2, lockTimeout: LOCK_TIMEOUT });
  const [writer, other] = workers;
  await other.call('set', 'beside/before', 'written');
  const written = writer.callWithin(WRITE_LIMIT, 'setChildren', 'many', CHILDREN);
  const most = await Promise.race([written, until('its requests', WRITE_LIMIT, () => manyRequests(hub, cluster))]);
  const beside = Promise.all([
    other.callWithin(WRITE_LIMIT, 'set', 'beside/meanwhile', 'written'),
    other.callWithin(WRITE_LIMIT, 'get', 'beside/before'),
    other.callWithin(WRITE_LIMIT, 'createIndex', 'beside', 'name'),
  ]);
  await written;
  assert.equal((await beside)[1], 'written');
  t.diagnostic(`${most} requests at once`);
  assert.equal(await other.callWithin(WRITE_LIMIT, 'count', 'many'), CHILDREN);
  cluster.assertAlive();
  assert.deepEqual(await hub.child.call('warnings'), []);
  const audit = await cluster.audit(['many/child0', `many/child${CHILDREN - 1}`, 'beside/meanwhile']);
  assert.deepEqual(Object.values(audit), [{ number: 0 }, { number: CHILDREN - 1 }, 'written']);
});

/** How many requests wait for the master, once most of the children's do. */
async function manyRequests(hub, cluster) {
  const { deliveredRequests, heldRequests } = await hub.child.call('status', cluster.hubName);
  const requests = deliveredRequests + heldRequests;
  return requests > CHILDREN / 2 && requests;
}
