'use strict';

// Two processes have the master's role, by mistake.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { startCluster } = require('./support/cluster.js');
const { sleep, until } = require('./support/wait.js');

/** How long a request may take while they fight, in milliseconds. */
const PATIENCE = 20_000;

/** How long is watched who comes and goes, in milliseconds: the loser tries again every second. */
const WATCH = 8000;

/** How often the master's id may change hands: the newcomer takes it, and the other takes it back. */
const TAKE_OVERS = 2;

test('of two masters one stays, a warning says so, and workers go on', async (t) => {
  const { hub, cluster, workers } = await startCluster(t, { workers: 1 });
  const [worker] = workers;
  await worker.call('set', 'before', 1);
  await cluster.startMaster();
  await until('a warning', PATIENCE, async () => (await hub.child.call('warnings')).includes('master-contested'));
  await worker.callWithin(PATIENCE, 'set', 'during', 2);
  await sleep(WATCH);
  const arrivals = (await worker.call('tidings')).filter((tiding) => tiding === 'connect:[master]');
  assert.ok(arrivals.length <= TAKE_OVERS + 1, `the master's id changed hands ${arrivals.length} times`);
  assert.equal((await hub.child.call('warnings')).length, 1, 'one warning is enough');
  await worker.callWithin(PATIENCE, 'set', 'after', 3);
  assert.equal(await worker.call('get', 'during'), 2);
});
