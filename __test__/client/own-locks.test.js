'use strict';

// What workers decide themselves about their locks: a transaction that has one is granted more without a word to the
// master, and one that begins where the last one has ended goes on under its lock. Others have their turn.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { keepLocksForOf } = require('../../lib/client/settings.js');
const { prepareCluster } = require('../cluster/support/cluster.js');
const { HOST, startHub } = require('../cluster/support/hub.js');
const { sleep, until } = require('../cluster/support/wait.js');
const { startBareHub } = require('./support/bare-hub.js');
const { ENV } = require('./support/client.js');

/** How long what must happen may take, in milliseconds. */
const LIMIT = 10_000;

/** Within that it would have happened, in milliseconds. */
const PAUSE = 300;

/** How long a worker computes between two writes, or within one, in milliseconds. */
const WORK = 20;
const LONG_WORK = 2000;

/** How many times a worker writes. */
const WRITES = 300;

/** How often two writes are made of which one might overtake the other. */
const ROUNDS = 50;

/** How long workers write against each other, in milliseconds. */
const CONTEST = 2000;

/** With a bare hub, which tells what it has heard. */
async function startPair(t, ipc = {}) {
  const hub = await startBareHub(t);
  const cluster = prepareCluster(t, { port: hub.port, env: ENV, ipc: { host: HOST, ...ipc } });
  await cluster.startMaster();
  return { hub, cluster, worker: await cluster.startWorker() };
}

/** With the hub itself. */
async function startTeam(t, workers) {
  const hub = await startHub(t);
  const cluster = prepareCluster(t, { port: hub.port, env: ENV, ipc: { host: HOST }, logsLocks: true });
  const master = await cluster.startMaster();
  return { hub, cluster, master, workers: await cluster.startWorkers(workers) };
}

/** How many locks a worker asks for that writes so many times. */
async function locksFor(t, ipc) {
  const { hub, cluster, worker } = await startPair(t, ipc);
  await worker.call('writeInTurn', 'count', WRITES);
  await until('all locks back', LIMIT, () => {
    return hub.messages('lock-request').length === hub.messages('unlock-request').length;
  });
  assert.deepEqual(await cluster.audit(['count']), { count: WRITES });
  return hub.messages('lock-request').length;
}

/** A transaction goes on under the lock of another one. Where the machine is too slow for it once, it is not always. */
async function keepLock({ worker }) {
  for (let attempt = 1; ; attempt++) {
    const [former, next] = [await worker.call('begin'), await worker.call('begin')];
    const locks = await worker.call('goOn', former, next, 'shop/stock');
    if (locks.former === locks.next.id) {
      return { former, next, lock: locks.next };
    }
    assert.ok(attempt < 20, 'no lock is kept');
    await worker.call('unlock', next);
  }
}

function assertNoConflicts(cluster) {
  const { count, conflicts } = cluster.lockConflicts();
  assert.ok(count > 0, 'no lock was written down');
  assert.deepEqual(conflicts, []);
}

describe('own locks', { concurrency: 2 }, () => {
  test('one lock serves several writes of a worker that writes on and on', async (t) => {
    const locks = await locksFor(t);
    t.diagnostic(`${locks} locks for ${WRITES} writes`);
    assert.ok(locks < WRITES / 2, `${locks} locks`);
  });

  test('with keepLocksFor: 0 each write has its own, and no more than that', async (t) => {
    assert.equal(await locksFor(t, { keepLocksFor: 0 }), WRITES);
  });

  test('to others both are one transaction, whatever else it asks for', async (t) => {
    const pair = await startPair(t);
    const { hub, worker } = pair;
    const { former, next, lock } = await keepLock(pair);
    assert.deepEqual([lock.tid, lock.path, lock.forWriting], [next, 'shop/stock', true]);

    const moved = await worker.call('move', next);
    assert.deepEqual(moved, { ...lock, path: 'shop' });
    await worker.callWithin(LIMIT, 'lock', next, 'else', false);
    await worker.callWithin(LIMIT, 'lock', next, 'more', true);
    const asked = hub.messages('lock-request').map(({ data }) => data.tid);
    assert.ok(asked.includes(former));
    assert.ok(!asked.includes(next));
    assert.deepEqual(hub.messages('move-lock-request'), []);
  });

  test('who begins later has a lock of its own', async (t) => {
    const { worker } = await startPair(t);
    const [former, next] = [await worker.call('begin'), await worker.call('begin')];
    const locks = await worker.call('goOn', former, next, 'shop', WORK);
    assert.notEqual(locks.former, locks.next.id);
  });

  test('what was written under a lock is told at once, also when another transaction goes on under it', async (t) => {
    const { hub, worker } = await startPair(t, { keepLocksFor: 1000 });
    await worker.call('set', 'one', 'new');
    await sleep(PAUSE);
    const before = hub.messages('notification').length;
    const begin = performance.now();
    const done = worker.call('writeThenCompute', 'one', LONG_WORK);
    await until('the notification', LIMIT, () => hub.messages('notification').length > before);
    assert.ok(performance.now() - begin < LONG_WORK / 2, 'others wait for what one computes');
    await done;
  });

  test('a lock of a former master covers no other one', async (t) => {
    const { cluster, master, workers } = await startTeam(t, 1);
    const [worker] = workers;
    const tid = await worker.call('begin');
    await worker.call('lock', tid, 'shop', true);
    await master.end();
    const next = await cluster.startMaster();
    assert.deepEqual(await next.call('grantedLocks'), []);
    await worker.callWithin(LIMIT, 'lock', tid, 'shop/stock', true);
    assert.deepEqual(await next.call('grantedLocks'), [tid], 'the present master was asked');
  });

  test('a lock for reading covers none for writing', async (t) => {
    const { workers } = await startTeam(t, 2);
    const [one, other] = [await workers[0].call('begin'), await workers[1].call('begin')];
    await workers[0].call('lock', one, 'shop', false);
    await workers[1].call('lock', other, 'shop', false);
    let mayWrite = false;
    const granted = workers[0].call('lock', one, 'shop', true).then(() => {
      mayWrite = true;
    });
    await sleep(PAUSE);
    assert.equal(mayWrite, false, 'while another one reads');
    await workers[1].call('unlock', other);
    await granted;
    await workers[0].call('unlock', one);
    await workers[0].call('unlock', one);
  });

  test('what covers other locks is returned when they are', async (t) => {
    const { workers } = await startTeam(t, 2);
    const tid = await workers[0].call('begin');
    await workers[0].call('lock', tid, 'shop', false);
    await workers[0].call('lock', tid, 'shop/stock', false);
    await workers[0].call('lock', tid, 'shop/sold', false);
    await workers[0].call('unlock', tid, 0);
    await workers[0].call('unlock', tid, 0);
    let isWritten = false;
    const written = workers[1].call('set', 'one', 1).then(() => {
      isWritten = true;
    });
    await sleep(PAUSE);
    assert.equal(isWritten, false, 'while another one reads');
    await workers[0].call('unlock', tid, 0);
    await written;
  });

  test('a transaction that has returned its lock waits for another, though one goes on under its name', async (t) => {
    const pair = await startPair(t);
    const { worker } = pair;
    const { former, next } = await keepLock(pair);
    let isGranted = false;
    const again = worker.call('lock', former, 'shop', true).then(() => {
      isGranted = true;
    });
    await sleep(PAUSE);
    assert.equal(isGranted, false);
    await worker.call('unlock', next);
    await again;
    await worker.call('unlock', former);
  });

  test('others have their turn', async (t) => {
    const { cluster, workers } = await startTeam(t, 3);
    for (const worker of workers) {
      await worker.call('startWriting', worker.name, 1);
    }
    await sleep(CONTEST);
    await Promise.all(workers.map((worker) => worker.callWithin(LIMIT, 'stopWriting')));
    const written = await cluster.audit(workers.map(({ name }) => `${name}/0`));
    const counts = Object.values(written);
    t.diagnostic(`writes: ${counts}`);
    assert.ok(Math.min(...counts) > Math.max(...counts) / 4, `writes: ${counts}`);
    assertNoConflicts(cluster);
  });

  test('what is written without a wait is written in its order', async (t) => {
    const { cluster, workers } = await startTeam(t, 2);
    await workers[1].call('startWriting', 'beside', 1);
    for (let round = 0; round < ROUNDS; round++) {
      const [one, other] = [2 * round, 2 * round + 1];
      await workers[0].callWithin(LIMIT, 'writeBehind', 'last', [one, other]);
      assert.equal(await workers[0].call('get', 'last'), other);
    }
    await workers[1].callWithin(LIMIT, 'stopWriting');
    assertNoConflicts(cluster);
  });

  test('who goes on under a lock has it still after a crash of the hub', async (t) => {
    const team = await startTeam(t, 2);
    const { hub, cluster, workers } = team;
    const { next } = await keepLock({ worker: workers[0] });
    await hub.child.end();
    const successor = await startHub(t, { port: hub.port });
    const clients = async () => (await successor.child.call('clients', cluster.hubName)).length === 3;
    await until('all are back', LIMIT, clients);
    let isWritten = false;
    const written = workers[1].call('set', 'one', 1).then(() => {
      isWritten = true;
    });
    await workers[0].callWithin(LIMIT, 'lock', next, 'shop', false);
    await sleep(PAUSE);
    assert.equal(isWritten, false);
    await workers[0].call('unlock', next);
    await workers[0].call('unlock', next);
    await written;
    assertNoConflicts(cluster);
  });
});

test('keepLocksFor is a number of milliseconds', () => {
  assert.equal(keepLocksForOf({ config: {} }), 2);
  assert.equal(keepLocksForOf({ config: { keepLocksFor: 0 } }), 0);
  for (const keepLocksFor of ['5', Number.NaN, -1, 1001, Number.POSITIVE_INFINITY]) {
    assert.throws(() => keepLocksForOf({ config: { keepLocksFor } }), /ipc\.keepLocksFor must be a number/);
  }
});
