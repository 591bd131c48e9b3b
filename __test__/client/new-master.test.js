'use strict';

// A new master, and locks of workers that the former one has granted: it gives itself locks, and must wait like all
// others. The client of this package is told so; of a published one the hub requests a lock that stands for theirs.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { isDeepStrictEqual } = require('node:util');

const { prepareCluster, startCluster } = require('../cluster/support/cluster.js');
const { HOST, startHub } = require('../cluster/support/hub.js');
const { startProxy } = require('../cluster/support/proxy.js');
const { sleep, until, within } = require('../cluster/support/wait.js');
const { freePort } = require('../support/port.js');
const { ENV } = require('./support/client.js');

/** How long what must happen may take, in milliseconds: less than a lock lasts. */
const LIMIT = 20_000;

/** How long what must not happen is waited for, in milliseconds: the new master would do it at once. */
const WATCH = 1000;

/** How long a session is kept, in milliseconds, where one is to end. */
const ABSENCE = 300;

/** How often a worker writes an object anew, and of how many children: one takes longer than a master to come. */
const ROUNDS = 6;
const CHILDREN = 800;

const options = { concurrency: 2 };

/** A worker has a lock of a master that is gone; there is a new one. */
async function succeed(t, write, env = ENV) {
  const { cluster, master, workers } = await startCluster(t, { workers: 1, env });
  await workers[0].call('set', 'shop', { stock: 1 });
  const tid = await workers[0].call('begin');
  await workers[0].call('lock', tid, 'shop', write);
  await master.end();
  const next = await cluster.startMaster();
  if (env !== ENV) {
    await next.call('connected');
    await until('the lock that stands for it', LIMIT, async () => (await next.call('grantedLocks')).includes(tid));
  }
  return { cluster, next, worker: workers[0], tid };
}

/** @returns {Promise<string>} What has happened within the time: "done" or "waits". */
function stateOf(action) {
  return Promise.race([action.then(() => 'done'), sleep(WATCH).then(() => 'waits')]);
}

for (const [name, env] of [
  ['with the client', ENV],
  ['that is published', {}],
]) {
  describe(`a new master ${name}`, options, () => specify(env));
}

function specify(env) {
  test('neither writes nor reads while a worker writes under a lock of the former one, whose transaction goes on', async (t) => {
    const { next, worker, tid } = await succeed(t, true, env);
    const write = next.callWithin(LIMIT, 'set', 'shop/stock', 2);
    const read = next.callWithin(LIMIT, 'get', 'shop/stock');
    assert.deepEqual(await Promise.all([stateOf(write), stateOf(read)]), ['waits', 'waits']);
    await within('another lock of the transaction', LIMIT, worker.call('lock', tid, 'shop/stock', true));
    await worker.call('unlock', tid);
    assert.equal(await stateOf(write), 'waits');
    await worker.call('unlock', tid);
    await within('the write', LIMIT, write);
    await within('the value read', LIMIT, read);
    assert.equal(await worker.call('get', 'shop/stock'), 2);
  });

  test('reads, and does not write, while a worker reads under one', async (t) => {
    const { next, worker, tid } = await succeed(t, false, env);
    const write = next.callWithin(LIMIT, 'set', 'shop/stock', 2);
    assert.equal(await within('the value', LIMIT, next.call('get', 'shop/stock')), 1);
    assert.equal(await stateOf(write), 'waits');
    await worker.call('unlock', tid);
    await within('the write', LIMIT, write);
  });
}

describe('a new master', options, () => {
  test('closes its database while it has to wait', async (t) => {
    const { next } = await succeed(t, true);
    const write = next.callWithin(LIMIT, 'set', 'shop/stock', 2);
    write.catch(() => {});
    await stateOf(write);
    await within('the end', LIMIT, next.call('close'));
    await assert.rejects(write, /exiting/);
  });

  test('goes on to wait when its connection breaks, and when its server is killed', async (t) => {
    const port = await freePort();
    let hub = await startHub(t, { port });
    const proxy = await startProxy(t, port);
    const placeOf = () => ({ ipc: { host: HOST, port: proxy.port } });
    const cluster = prepareCluster(t, { port, env: ENV, logsLocks: true, placeOf });
    const first = await cluster.startMaster();
    const [worker] = await cluster.startWorkers(1);
    await worker.call('set', 'shop', { stock: 1 });
    const tid = await worker.call('begin');
    await worker.call('lock', tid, 'shop', true);
    await first.end();
    const next = await cluster.startMaster();
    const read = next.callWithin(2 * LIMIT, 'get', 'shop/stock');
    assert.equal(await stateOf(read), 'waits');
    const letThrough = proxy.hold();
    await proxy.cut();
    assert.equal(await stateOf(read), 'waits');
    letThrough();
    assert.equal(await stateOf(read), 'waits');
    await hub.child.end();
    hub = await startHub(t, { port });
    assert.equal(await stateOf(read), 'waits');
    await until('the worker is back', LIMIT, async () => (await worker.call('states')).at(-1).state === 'connected');
    await worker.call('unlock', tid);
    assert.equal(await within('the value', LIMIT, read), 1);
    assert.deepEqual(cluster.lockConflicts().conflicts, []);
    cluster.assertAlive([first]);
  });

  test('is none where the same process is back: it goes on with the locks that it has granted', async (t) => {
    const hub = await startHub(t, { resumeWindow: ABSENCE });
    const proxy = await startProxy(t, hub.port);
    const placeOf = (name) => ({ ipc: { host: HOST, ...(name === 'master' && { port: proxy.port }) } });
    const cluster = prepareCluster(t, { port: hub.port, env: ENV, logsLocks: true, placeOf });
    const master = await cluster.startMaster();
    const [first, second] = await cluster.startWorkers(2);
    const tid = await first.call('begin');
    await first.call('lock', tid, 'shop', true);
    const waiting = second.callWithin(LIMIT, 'set', 'shop/second', 2);
    const letThrough = proxy.hold();
    await proxy.cut();
    await sleep(2 * ABSENCE);
    await first.call('unlock', tid);
    letThrough();
    await until('it is back', LIMIT, async () => (await master.call('states')).at(-1).state === 'connected');
    await within('the write that waited', LIMIT, waiting);
    await master.callWithin(LIMIT, 'set', 'shop/master', 1);
    await first.callWithin(LIMIT, 'set', 'shop/first', 3);
    assert.deepEqual(await master.call('get', 'shop'), { master: 1, second: 2, first: 3 });
    assert.deepEqual(cluster.lockConflicts().conflicts, []);
    cluster.assertAlive();
  });

  test('waits with what was in its queue, too, where it was the master before another one', async (t) => {
    const hub = await startHub(t, { resumeWindow: ABSENCE });
    hub.expectsRefusals = true;
    const proxy = await startProxy(t, hub.port);
    let isFirst = true;
    const placeOf = (name) => ({ ipc: { host: HOST, ...(name === 'master' && isFirst && { port: proxy.port }) } });
    const cluster = prepareCluster(t, { port: hub.port, env: ENV, logsLocks: true, placeOf });
    const master = await cluster.startMaster();
    isFirst = false;
    const [first, second] = await cluster.startWorkers(2);
    const [former, present] = [await first.call('begin'), await second.call('begin')];
    await first.call('lock', former, 'shop', true);
    const queued = Promise.all([
      master.callWithin(2 * LIMIT, 'set', 'shop/stock', 2),
      master.callWithin(2 * LIMIT, 'get', 'shop/stock'),
    ]);
    await stateOf(queued);
    const letThrough = proxy.hold();
    await proxy.cut();
    await sleep(2 * ABSENCE);
    const other = await cluster.startMaster();
    await first.call('unlock', former);
    await second.callWithin(LIMIT, 'lock', present, 'shop', true);
    await other.end();
    letThrough();
    await until('it is back', LIMIT, async () => (await master.call('states')).at(-1).state === 'connected');
    assert.equal(await stateOf(queued), 'waits');
    await second.call('unlock', present);
    await within('the write', LIMIT, queued);
    assert.deepEqual(cluster.lockConflicts().conflicts, []);
    cluster.assertAlive([other]);
  });

  test('that writes as soon as it is there leaves what a worker is writing whole', async (t) => {
    const hub = await startHub(t);
    const settings = { port: hub.port, ipc: { host: HOST }, env: ENV, logsLocks: true };
    const cluster = prepareCluster(t, settings);
    const first = await cluster.startMaster();
    const [worker] = await cluster.startWorkers(1);
    const long = worker.callWithin(3 * LIMIT, 'addChildren', 'many', ROUNDS, CHILDREN);
    await sleep(WATCH);
    await first.end();
    const next = await cluster.startMaster();
    const expected = {};
    const end = Date.now() + 2 * WATCH;
    for (let n = 0; Date.now() < end; n++) {
      expected[`of-the-new-master-${n}`] = `text ${n} `.repeat(10);
      await next.callWithin(LIMIT, 'set', `many/of-the-new-master-${n}`, expected[`of-the-new-master-${n}`]);
    }
    Object.assign(expected, await long);
    const { many } = await cluster.audit(['many']);
    // Thousands of values are too many to be shown.
    assert.deepEqual(Object.keys(many).sort(), Object.keys(expected).sort());
    const different = Object.keys(expected).filter((key) => !isDeepStrictEqual(many[key], expected[key]));
    assert.deepEqual(different, []);
    assert.deepEqual(cluster.lockConflicts().conflicts, []);
    cluster.assertAlive([first]);
  });
});
