'use strict';

// Two processes have the master's role, by mistake or for a moment: only one may write, or the files are damaged.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { hasClient, prepareCluster, startCluster } = require('./support/cluster.js');
const { startHub } = require('./support/hub.js');
const { assertStored, LoadedWorkers } = require('./support/loaded.js');
const { sleep, until, within } = require('./support/wait.js');

/** How long the load goes on beside the two, in milliseconds. */
const DURING = 5000;

/**
 * How long a newcomer that is refused may live, in milliseconds: as long as it may wait for the other to leave, and
 * then end.
 */
const REFUSED_LIMIT = 20_000;

/** How long the place of a master that leaves, or hangs, may be empty, in milliseconds. */
const TAKE_OVER_LIMIT = 15_000;

/** What a new master is not asked for yet, it has been asked for after so long, in milliseconds. */
const SETTLED = 2000;

/** How long one write may take, in milliseconds. */
const WRITE_LIMIT = 15_000;

const LOAD = { loops: 2, pause: 5, giveUpAfter: 9000 };

/** What a published client prints that is not to live, and what ends it. */
const REASON = /Another AceBase master .* is connected and alive/;
const REFUSED_DEATH = /readyState 0 \(CONNECTING\)/;

/** A hub, a master that writes, and a worker that writes, each in a place of its own. */
async function startWriters(t) {
  const { hub, cluster, master, workers } = await startCluster(t, { workers: 0 });
  assert.deepEqual(workers, []);
  const loaded = new LoadedWorkers(cluster, LOAD);
  await loaded.start(1);
  await plantLoad(master, 'load/first');
  return { hub, cluster, master, loaded };
}

async function plantLoad(child, place) {
  await child.callWithin(WRITE_LIMIT, 'set', place, { owner: child.name });
  await child.call('startLoad', place, LOAD);
}

/**
 * Starts one more master, which writes as soon as its files are open and it is connected: what a published master
 * writes before, nobody can keep it from.
 */
async function startRival(cluster, place) {
  const first = cluster.master;
  const started = cluster.startMaster();
  const rival = cluster.master;
  cluster.master = first;
  // It may be gone already.
  await started.then(() => rival.call('connected')).catch(() => {});
  plantLoad(rival, place).catch(() => {});
  return rival;
}

async function assertRefused(rival) {
  const { code } = await within('the end of the second master', REFUSED_LIMIT, rival.exited);
  assert.notEqual(code, 0);
  assert.match(rival.lastWords, REASON);
  assert.match(rival.lastWords, REFUSED_DEATH);
}

/** What the master and the worker have written is stored, and the files are whole. */
async function assertWhole(cluster, master, loaded, place) {
  const own = await master.callWithin(WRITE_LIMIT, 'stopLoad');
  const reports = await loaded.stop();
  for (const { failures, lost } of [own, ...reports]) {
    assert.deepEqual({ failures, lost }, { failures: [], lost: 0 });
  }
  await assertStored(cluster, [...reports, { name: place, ...own }]);
}

/** The client of this package does not end: see client/masters.test.js. */
const skip = hasClient('master');

describe('two masters', { concurrency: 2, skip }, () => {
  test('one after the other: the second ends, under load and again and again, and the files stay whole', async (t) => {
    const { hub, cluster, master, loaded } = await startWriters(t);
    for (let attempt = 1; attempt <= 3; attempt++) {
      await assertRefused(await startRival(cluster, `load/rival${attempt}`));
    }
    await sleep(DURING);
    assert.deepEqual(await hub.child.call('warnings'), ['master-contested'], 'one warning is enough');
    await assertWhole(cluster, master, loaded, 'first');
  });

  test('the second one cannot write while it waits for the first to leave, and ends where that stays', async (t) => {
    const { cluster, master, workers } = await startCluster(t, { workers: 1 });
    await workers[0].call('set', 'before', 1);
    await sleep(SETTLED);
    const rival = await startRival(cluster, 'rival');
    await assertRefused(rival);
    // Both tables of the first one are as it knows them: what it writes now takes nothing that is taken.
    for (let n = 0; n < 50; n++) {
      await master.call('set', `first/write-${n}`, { n, text: `text ${n}` });
      await workers[0].call('set', `worker/write-${n}`, { n, text: `text ${n}` });
    }
    const stored = await cluster.audit(['before', 'rival', 'first', 'worker']);
    assert.equal(stored.before, 1);
    assert.equal(stored.rival, null, 'the second one has written');
    for (const place of ['first', 'worker']) {
      assert.equal(Object.keys(stored[place]).length, 50);
    }
  });

  test('started together: one stays, and the files are whole', async (t) => {
    const hub = await startHub(t);
    const cluster = prepareCluster(t, { port: hub.port });
    const maker = await cluster.startMaster();
    await maker.call('set', 'load', { made: true });
    await maker.end();
    // Neither is there before the other.
    const [one, other] = await Promise.all([startRival(cluster, 'load/one'), startRival(cluster, 'load/other')]);
    const loser = await within('the end of one', REFUSED_LIMIT, Promise.race([ended(one), ended(other)]));
    assert.match(loser.lastWords, REFUSED_DEATH);
    await sleep(DURING);
    const winner = loser === one ? other : one;
    assert.ok(winner.isAlive);
    const { failures, lost, confirmed } = await winner.callWithin(WRITE_LIMIT, 'stopLoad');
    assert.deepEqual({ failures, lost }, { failures: [], lost: 0 });
    await assertStored(cluster, [{ name: winner === one ? 'one' : 'other', confirmed }]);
  });

  test('one that hangs is replaced, and ends when it goes on; the files stay whole', async (t) => {
    const { hub, cluster, master, loaded } = await startWriters(t);
    // Not in the middle of writing: what it has begun, it would end.
    await master.callWithin(WRITE_LIMIT, 'stopLoad');
    master.signal('SIGSTOP');
    const next = await cluster.startMaster();
    await plantLoad(next, 'load/next');
    const replaced = Date.now();
    await until('writes', TAKE_OVER_LIMIT, () => loaded.allWroteSince(replaced));
    assert.ok((await hub.child.call('warnings')).includes('master-silent'));
    master.signal('SIGCONT');
    // It wants to write at once.
    plantLoad(master, 'load/back').catch(() => {});
    // It may have something to answer before it is told why.
    const { code } = await within('the end of the first master', REFUSED_LIMIT, master.exited);
    assert.notEqual(code, 0);
    assert.match(master.lastWords, REFUSED_DEATH);
    await sleep(DURING);
    await assertWhole(cluster, next, loaded, 'next');
  });

  test('the second one takes over without a restart when the first leaves in time', async (t) => {
    for (const leave of [(master) => master.call('close'), (master) => master.end()]) {
      const { hub, cluster, master, workers } = await startCluster(t, { workers: 1 });
      const [worker] = workers;
      await worker.call('set', 'before', 1);
      await sleep(SETTLED);
      const next = await cluster.startMaster();
      const written = next.callWithin(WRITE_LIMIT, 'set', 'next', 'written');
      await sleep(1500);
      await leave(master);
      await written;
      await worker.callWithin(WRITE_LIMIT, 'set', 'after', 2);
      assert.ok(next.isAlive, next.lastWords);
      assert.deepEqual(await hub.child.call('warnings'), []);
      assert.deepEqual(await cluster.audit(['before', 'next', 'after']), { before: 1, next: 'written', after: 2 });
    }
  });
});

async function ended(child) {
  await child.exited;
  return child;
}
