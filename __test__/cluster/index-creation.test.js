'use strict';

// Several workers make sure of their indexes when they start, as applications do.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { startCluster } = require('./support/cluster.js');

/** Enough that a master takes a while to build the index. */
const PEOPLE = 500;

/** What applications ask for at their start, all at once. */
const KEYS = ['number', 'name', 'age'];

test('workers that create the same indexes at once all get them', async (t) => {
  const { cluster, workers } = await startCluster(t, { workers: 4 });
  await workers[0].call('setChildren', 'people', PEOPLE);
  const creations = workers.flatMap((worker) => KEYS.map((key) => worker.call('createIndex', 'people', key)));
  const outcomes = await Promise.allSettled(creations);
  const failures = outcomes.filter(({ status }) => status === 'rejected').map(({ reason }) => reason.message);
  assert.deepEqual(failures, []);
  cluster.assertAlive();
  for (const worker of workers) {
    assert.deepEqual(await worker.call('find', 'people', 'number', 7), ['child7'], worker.name);
  }
});
