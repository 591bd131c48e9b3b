'use strict';

// What becomes of a cluster of published clients that is under load while a hub is lost.

const assert = require('node:assert/strict');

const { assertSameView, assertStored, LoadedWorkers } = require('../../cluster/support/loaded.js');
const { exchangeNews, watchNews } = require('../../cluster/support/news.js');
const { sleep, until } = require('../../cluster/support/wait.js');

/** How long the load runs before the fault, in milliseconds. */
const PRELUDE = 2000;

/** How long after a fault all workers may take to write again, in milliseconds. */
const RECOVERY_LIMIT = 20_000;

/**
 * AceBase's own, in seconds: what frees the database from locks whose release died with a hub. Longer than any database
 * is without an owner, or transactions that wait for one would expire.
 */
const LOCK_TIMEOUT = 6;

/** After how long a request counts as lost, in milliseconds: what a hub had in memory dies with it. */
const GIVE_UP = 10_000;

/** How long processes are watched, in milliseconds: they end up to ten seconds after an attempt that was refused. */
const DYING = 12_000;

/** A client that sends while it has no connection may end itself, hub or no hub: see connection-cuts.test.js. */
const OWN_DEATH = /readyState 0 \(CONNECTING\)/;

/**
 * Puts a cluster under load, lets something happen, and demands that all go on, that nobody ends but by what it sent in
 * that instant, that all that was confirmed is stored, and that no two locks were ever held that exclude each other.
 * @param {import('node:test').TestContext} t
 * @param {object} cluster Of `prepareCluster`, with `logsLocks`.
 * @param {() => Promise<void>} strike
 * @param {{ workers?: number, mayEnd?: (name: string) => boolean }} [settings] `mayEnd`: of whom it is expected, for
 *   its own hub was lost.
 */
async function assertGoesOn(t, cluster, strike, { workers = 3, mayEnd = () => true } = {}) {
  await cluster.startMaster();
  const loaded = new LoadedWorkers(cluster, { loops: 2, pause: 10, giveUpAfter: GIVE_UP });
  await loaded.start(workers, watchNews);
  await sleep(PRELUDE);
  await strike();
  const struck = Date.now();
  await until('writes of all workers', RECOVERY_LIMIT, async () => {
    await loaded.replaceDead(OWN_DEATH);
    return loaded.allWroteSince(struck);
  });
  t.diagnostic(`all workers wrote ${Date.now() - struck} ms after the fault`);
  await sleep(struck + DYING - Date.now());
  const reports = await loaded.stop();
  const lost = reports.reduce((sum, report) => sum + report.lost, 0);
  t.diagnostic(
    `${lost} requests died with the hub; ${loaded.dead.length} processes ended, by what they sent meanwhile`,
  );
  const unexpected = loaded.dead.filter(({ name }) => !mayEnd(name));
  assert.deepEqual(
    unexpected.map(({ name, lastWords }) => `${name}: ${lastWords}`),
    [],
  );
  cluster.assertAlive(loaded.dead);
  await exchangeNews(loaded.workers);
  await assertSameView(loaded.workers, await assertStored(cluster, reports));
  assertNoConflicts(cluster);
  return { lost, reports };
}

/** No two locks were held at the same time that exclude each other. */
function assertNoConflicts(cluster) {
  const { count, conflicts } = cluster.lockConflicts();
  assert.ok(count > 0, 'there were locks');
  assert.deepEqual(conflicts.slice(0, 3), []);
}

module.exports = { assertGoesOn, assertNoConflicts, LOCK_TIMEOUT };
