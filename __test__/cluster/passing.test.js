'use strict';

// Write locks pass from worker to worker, while others read, and the master writes itself.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { startCluster } = require('./support/cluster.js');
const { assertSameView, assertStored, LoadedWorkers } = require('./support/loaded.js');
const { sleep } = require('./support/wait.js');

/** How long the load goes on, in milliseconds. */
const LOAD = 5000;

/** After how long a write counts as lost, in milliseconds: no fault is part of this. */
const GIVE_UP = 20_000;

/** How often the master wants to write, and how long it rests between, in milliseconds. */
const TURNS = { times: 15, pause: 100 };

/** For how long locks are passed on where the master is to feel it, in milliseconds. */
const LONG = 2000;

/** How long the master may wait beyond the time for which locks are passed on, in milliseconds: the machine is busy. */
const ROOM = 400;

/** Workers that write as fast as they can, and read back what they have written. The master writes as well. */
async function writeTogether(t, hubOptions) {
  const { hub, cluster, master } = await startCluster(t, { hub: hubOptions, workers: 0 });
  const load = new LoadedWorkers(cluster, { loops: 2, pause: 0, giveUpAfter: GIVE_UP });
  await load.start(3);
  await master.call('startLoad', 'load/master', { loops: 1, pause: 50, giveUpAfter: GIVE_UP });
  await sleep(LOAD);
  const reports = await load.stop();
  reports.push({ name: 'master', ...(await master.callWithin(GIVE_UP, 'stopLoad')) });
  for (const { name, lost, failures } of reports) {
    assert.deepEqual({ lost, failures }, { lost: 0, failures: [] }, name);
  }
  const { lockPasses } = await hub.child.call('status', cluster.hubName);
  await assertSameView([...load.workers, master], await assertStored(cluster, reports));
  cluster.assertAlive();
  assert.deepEqual(await hub.child.call('locks', cluster.hubName), []);
  return { lockPasses, reports };
}

test('locks pass between workers beside readers and a master that writes: all that is confirmed is stored', async (t) => {
  const { lockPasses } = await writeTogether(t);
  assert.ok(lockPasses > 10, `${lockPasses} locks were passed on`);
});

test('with passLocksFor: 0 none passes, and all is stored as well', async (t) => {
  const { lockPasses } = await writeTogether(t, { passLocksFor: 0 });
  assert.equal(lockPasses, 0);
});

/** How long the master waits for its own locks while workers write as fast as they can: the median, in milliseconds. */
async function masterWaits(t, passLocksFor) {
  const { master, workers } = await startCluster(t, { hub: { passLocksFor }, workers: 2 });
  for (const worker of workers) {
    await worker.call('startWriting', worker.name, 3);
  }
  const waits = await master.callWithin(TURNS.times * (LONG + GIVE_UP), 'waitForLocks', TURNS.times, TURNS.pause);
  await Promise.all(workers.map((worker) => worker.call('stopWriting')));
  waits.sort((a, b) => a - b);
  return waits[waits.length >> 1];
}

test("the master's own writes wait for as long as locks are passed on, and not longer", async (t) => {
  const short = await masterWaits(t, 100);
  const long = await masterWaits(t, LONG);
  t.diagnostic(`the master waits ${Math.round(short)} ms with passLocksFor: 100, ${Math.round(long)} ms with ${LONG}`);
  assert.ok(short < 100 + ROOM, `${short} ms`);
  assert.ok(long < LONG + ROOM, `${long} ms`);
  assert.ok(long > 100 + ROOM, `the workers do not pass locks on for as long as they may: ${long} ms`);
});
