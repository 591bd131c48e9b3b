'use strict';

// The hub comes back as another one, which does not know the extension: a former version, or a plain server of the
// protocol. The cluster goes on without what only both sides together can do, and has it again with the next hub.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { prepareCluster } = require('../cluster/support/cluster.js');
const { HOST, startHub } = require('../cluster/support/hub.js');
const { assertStored, LoadedWorkers } = require('../cluster/support/loaded.js');
const { startProxy } = require('../cluster/support/proxy.js');
const { sleep, until } = require('../cluster/support/wait.js');
const { freePort } = require('../support/port.js');
const { startBareHub } = require('./support/bare-hub.js');
const { ENV } = require('./support/client.js');
const { UNCERTAIN } = require('./support/faults.js');

/** How long each hub serves, in milliseconds. */
const REIGN = 2500;

/** AceBase's own, in seconds: ends a lock whose grant was lost with a hub. */
const LOCK_TIMEOUT = 3;

/** How long a request may stand still, in milliseconds; and after how long it counts as hung. */
const REQUEST_TIMEOUT = 5000;
const GIVE_UP = 60_000;

/** How long the cluster may take to go on, in milliseconds: a lock that was lost holds all up. */
const RECOVERY_LIMIT = 15_000;

const PLAIN = 'connected';

async function statesOf(child) {
  return (await child.call('states')).map(({ state }) => state);
}

test('a hub without the extension takes over, and one with it again (fails with the published client)', async (t) => {
  const port = await freePort();
  const options = { host: '127.0.0.1', port };
  let hub = await startHub(t, options);
  const proxy = await startProxy(t, port);
  const ipc = { host: HOST, requestTimeout: REQUEST_TIMEOUT };
  const cluster = prepareCluster(t, { port: proxy.port, env: ENV, ipc, lockTimeout: LOCK_TIMEOUT });
  await cluster.startMaster();
  const loaded = new LoadedWorkers(cluster, { loops: 2, pause: 10, giveUpAfter: GIVE_UP });
  await loaded.start(3);
  const goesOn = async (what) => {
    const since = Date.now();
    await until(`writes of all, ${what}`, RECOVERY_LIMIT, () => loaded.allWroteSince(since));
    t.diagnostic(`${what}: all wrote again after ${Date.now() - since} ms`);
    await sleep(REIGN);
  };
  const stateAfterCut = async () => {
    await proxy.cut();
    await goesOn('after a cut');
    return (await statesOf(loaded.workers[0])).at(-1);
  };

  await goesOn('at first');
  assert.equal(await stateAfterCut(), 'resumed');
  await hub.child.end();
  const plain = await startBareHub(t, { port });
  await goesOn('without the extension');
  assert.equal(await stateAfterCut(), PLAIN);
  await plain.stop();
  hub = await startHub(t, options);
  await goesOn('with it again');
  assert.equal(await stateAfterCut(), 'resumed');

  const reports = await loaded.stop();
  cluster.assertAlive();
  for (const { name, lost, failures } of reports) {
    const others = failures.filter((failure) => !UNCERTAIN.test(failure));
    assert.deepEqual({ name, lost, others }, { name, lost: 0, others: [] });
  }
  t.diagnostic(`${reports.reduce((sum, { failures }) => sum + failures.length, 0)} requests failed with a reason`);
  await assertStored(cluster, reports);
});
