'use strict';

// Workers may start before their master.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { prepareCluster } = require('./support/cluster.js');
const { startHub } = require('./support/hub.js');
const { sleep, within } = require('./support/wait.js');

/** How long after the worker the master starts, in milliseconds. */
const MASTER_DELAY = 3000;

/** How long a write may take once the master is there, in milliseconds. */
const WRITE_LIMIT = 5000;

/** Writes in a worker, and starts the master afterwards. Resolves when the write is done. */
async function writeThenStartMaster(t, hubOptions) {
  const hub = await startHub(t, hubOptions);
  const cluster = prepareCluster(t, { port: hub.port });
  // The files exist: a worker waits for them anyway.
  const former = await cluster.startMaster();
  await former.end();
  const worker = await cluster.startWorker();
  const written = worker.callWithin(MASTER_DELAY + WRITE_LIMIT + 5000, 'set', 'early', 'bird');
  // Whether it fails is looked at in the end.
  written.catch(() => {});
  await sleep(MASTER_DELAY);
  await cluster.startMaster();
  await within('the early write', WRITE_LIMIT, written);
  cluster.assertAlive([former]);
  assert.equal((await cluster.audit(['early'])).early, 'bird');
}

test('a write before the master is there completes when it comes', async (t) => {
  await writeThenStartMaster(t);
});

test('without holding requests it hangs', async (t) => {
  await assert.rejects(writeThenStartMaster(t, { masterTimeout: 0 }), /the early write took longer/);
});
