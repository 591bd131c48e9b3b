'use strict';

// The master is killed under load, again and again.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { startCluster } = require('./support/cluster.js');
const { assertStored, LoadedWorkers } = require('./support/loaded.js');
const { scale } = require('./support/scale.js');
const { sleep } = require('./support/wait.js');

/** How long any request may take, in milliseconds. */
const HANG_LIMIT = 20_000;

/** How long a master lives, in milliseconds. */
const LIFETIME = 2000;

/** Kills and restarts the master under load of three workers. Returns the workers' reports. */
async function killMasters(t, kills, { hub, giveUpAfter }) {
  const { cluster } = await startCluster(t, { hub, workers: 0 });
  const loaded = new LoadedWorkers(cluster, { loops: 2, pause: 10, giveUpAfter });
  await loaded.start(3);
  const killed = [];
  for (let kill = 0; kill < kills; kill++) {
    await sleep(LIFETIME);
    killed.push(cluster.master);
    await cluster.master.end();
    await cluster.startMaster();
  }
  await sleep(LIFETIME);
  const reports = await loaded.stop();
  cluster.assertAlive(killed);
  return { cluster, reports };
}

describe('the master is killed under load', { concurrency: true }, () => {
  test('nothing hangs, and nothing confirmed is lost', async (t) => {
    const { cluster, reports } = await killMasters(t, scale.masterKills, { giveUpAfter: HANG_LIMIT });
    for (const report of reports) {
      assert.equal(report.lost, 0, `${report.name}: slowest ${report.slowest} ms`);
      assert.deepEqual([...new Set(report.failures)], [], report.name);
    }
    await assertStored(cluster, reports);
  });

  test('without holding requests some hang', async (t) => {
    const { reports } = await killMasters(t, 1, { hub: { masterTimeout: 0 }, giveUpAfter: 5000 });
    assert.notEqual(
      reports.reduce((sum, report) => sum + report.lost, 0),
      0,
    );
  });
});
