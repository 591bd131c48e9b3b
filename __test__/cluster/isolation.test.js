'use strict';

// Two databases share a hub and know nothing of each other.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { prepareCluster } = require('./support/cluster.js');
const { startHub } = require('./support/hub.js');
const { until } = require('./support/wait.js');

async function startDatabase(t, hub, dbname) {
  const cluster = prepareCluster(t, { port: hub.port, dbname });
  await cluster.startMaster();
  const [worker, watcher] = await cluster.startWorkers(2);
  await watcher.call('watch', 'news', 'child_added');
  return { cluster, worker, watcher };
}

test("one database's master goes away: the other database does not see it", async (t) => {
  // Without a kept session everybody who may know is told at once.
  const hub = await startHub(t, { resumeWindow: 0 });
  const [one, two] = await Promise.all([startDatabase(t, hub, 'one'), startDatabase(t, hub, 'two')]);
  const before = await two.worker.call('tidings');
  await one.cluster.master.end();
  await until('the news of it', 5000, async () => (await one.worker.call('tidings')).includes('disconnect:[master]'));

  await two.worker.call('set', 'news/from-two', 'two');
  await until('an event', 5000, async () => (await two.watcher.call('events')).length > 0);
  assert.deepEqual(await two.watcher.call('events'), [{ event: 'child_added', path: 'news/from-two', value: 'two' }]);
  assert.deepEqual(await two.worker.call('tidings'), before);
  assert.deepEqual(await one.watcher.call('events'), []);
  assert.deepEqual((await hub.child.call('clients', two.cluster.hubName)).length, 3);
  one.cluster.assertAlive([one.cluster.master]);
  two.cluster.assertAlive();
});
