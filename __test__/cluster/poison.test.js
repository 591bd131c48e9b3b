'use strict';

// A request ends, or blocks, every master that gets it, while others work.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { startCluster } = require('./support/cluster.js');
const { assertStored, LoadedWorkers } = require('./support/loaded.js');
const { sleep, until, within } = require('./support/wait.js');

/**
 * How long any request may take, in milliseconds: two masters have to end, and the next ones to start, before it is
 * over.
 */
const HANG_LIMIT = 40_000;

/** How long a master is left in an endless loop before its owner ends it, in milliseconds. */
const BLOCKED_FOR = 3000;

/**
 * Starts a master whenever one has ended, until the request is answered. Returns the answer, and the masters that it
 * ended.
 */
async function restartMastersUntil(cluster, answered, end) {
  const ended = [];
  let answer;
  answered.then(
    (result) => (answer = { result }),
    (error) => (answer = { error }),
  );
  for (;;) {
    const { master } = cluster;
    await Promise.race([end(master), until('the answer', HANG_LIMIT, () => answer)]);
    if (answer) {
      return { answer, ended };
    }
    ended.push(master);
    await cluster.startMaster();
  }
}

async function poison(t, request, end) {
  const { cluster, workers } = await startCluster(t, { workers: 1 });
  const loaded = new LoadedWorkers(cluster, { loops: 2, pause: 10, giveUpAfter: HANG_LIMIT });
  await loaded.start(3);
  await sleep(1000);
  const answered = workers[0].callWithin(2 * HANG_LIMIT, 'ask', request);
  const { answer, ended } = await restartMastersUntil(cluster, answered, end);
  await sleep(2000);
  const reports = await loaded.stop();
  assert.match(answer.error?.message, /Two AceBase masters ended while they had this request/);
  assert.equal(ended.length, 2);
  cluster.assertAlive(ended);
  for (const report of reports) {
    assert.equal(report.lost, 0, `${report.name}: slowest ${report.slowest} ms`);
    assert.deepEqual([...new Set(report.failures)], [], report.name);
  }
  await assertStored(cluster, reports);
}

describe('a request that no master survives is answered after two, and no other is', { concurrency: true }, () => {
  test('it ends the master', (t) =>
    poison(t, 'test.end', (master) => within('its end', 2 * HANG_LIMIT, master.exited)));

  test('it blocks the master, until its owner ends it', async (t) => {
    await poison(t, 'test.block', async (master) => {
      await until('the endless loop', 2 * HANG_LIMIT, async () => !(await answersSoon(master)));
      await sleep(BLOCKED_FOR);
      await master.end();
    });
  });
});

async function answersSoon(master) {
  return master.callWithin(BLOCKED_FOR, 'ready').then(
    () => true,
    () => false,
  );
}
