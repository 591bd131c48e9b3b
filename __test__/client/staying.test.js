'use strict';

// A process with the client stays, whatever the hub does, and goes on when there is one again.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const net = require('node:net');
const { describe, test } = require('node:test');

const { prepareCluster } = require('../cluster/support/cluster.js');
const { startHub } = require('../cluster/support/hub.js');
const { startProxy } = require('../cluster/support/proxy.js');
const { sleep, until, within } = require('../cluster/support/wait.js');
const { noSignals } = require('../support/platform.js');
const { freePort } = require('../support/port.js');
const { startBareHub } = require('./support/bare-hub.js');
const { ENV } = require('./support/client.js');

/** Longer than published clients live on after a mishap, in milliseconds. */
const AFTERMATH = 11_500;

/** How long after the hub's return a process may take to be connected, in milliseconds. */
const RETURN_LIMIT = 10_000;

/** How long a pause in a test is that is no longer than it must be, in milliseconds. */
const MOMENT = 1000;

/** A master that has no hub yet, and whose database is there already. */
async function startAlone(t, port, ipc) {
  const cluster = prepareCluster(t, { port, env: ENV, ipc });
  const creator = prepareCluster(t, { port: (await startHub(t)).port, folder: cluster.folder });
  const first = await creator.startMaster();
  await first.call('set', 'was', 'there');
  await first.call('close');
  await first.end();
  return { cluster, master: cluster.spawnMaster() };
}

async function assertGoesOn({ cluster, master }) {
  await within('a write', RETURN_LIMIT + MOMENT, master.call('set', 'back', true));
  assert.equal(await master.call('get', 'back'), true);
  await sleep(AFTERMATH);
  cluster.assertAlive();
}

async function statesOf(child) {
  return (await child.call('states')).map(({ state }) => state);
}

describe('a process stays', { concurrency: 3 }, () => {
  test('refused: nobody listens yet (fails with the published client)', async (t) => {
    const port = await freePort();
    const alone = await startAlone(t, port);
    await until('the refusal', RETURN_LIMIT, async () => (await statesOf(alone.master)).includes('refused'));
    await startHub(t, { port });
    await assertGoesOn(alone);
    const states = await alone.master.call('states');
    assert.deepEqual(
      states.map(({ state }) => state),
      ['refused', 'refused', 'connected'].slice(-states.length),
    );
    assert.match(states[0].reason, /ECONNREFUSED/);
  });

  for (const status of [403, 409, 500, 503]) {
    test(`refused with ${status} (fails with the published client)`, async (t) => {
      const refusing = await startBareHub(t, { status });
      const alone = await startAlone(t, refusing.port);
      await until('the refusal', RETURN_LIMIT, async () => (await statesOf(alone.master)).includes('refused'));
      const [refusal] = await alone.master.call('states');
      assert.equal(refusal.status, status);
      await refusing.stop();
      await startHub(t, { host: '127.0.0.1', port: refusing.port });
      await assertGoesOn(alone);
    });
  }

  test('the hub takes connections and says nothing (fails with the published client)', async (t) => {
    const sockets = new Set();
    const silent = net.createServer((socket) => sockets.add(socket.on('error', () => {}))).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address();
    const alone = await startAlone(t, port);
    await sleep(AFTERMATH);
    alone.cluster.assertAlive();
    silent.close();
    for (const socket of sockets) {
      socket.destroy();
    }
    await startHub(t, { host: '127.0.0.1', port });
    await assertGoesOn(alone);
  });

  test('the hub stands still for a while, and goes on (fails with the published client)', {
    skip: noSignals,
  }, async (t) => {
    const hub = await startHub(t);
    const cluster = prepareCluster(t, { port: hub.port, env: ENV });
    const master = await cluster.startMaster();
    const worker = await cluster.startWorker();
    hub.child.signal('SIGSTOP');
    const write = worker.call('set', 'news', 1);
    await sleep(AFTERMATH);
    hub.child.signal('SIGCONT');
    await Promise.allSettled([write]);
    cluster.assertAlive();
    await until('a write', 10_000, () =>
      worker.callWithin(3000, 'set', 'news', 2).then(
        () => true,
        () => false,
      ),
    );
    assert.equal(await master.call('get', 'news'), 2);
  });

  test('a token that is wrong is told; when it is right, all that waited is done', async (t) => {
    const port = await freePort();
    const before = await startHub(t, { port, token: 'another' });
    before.expectsRefusals = true;
    const alone = await startAlone(t, port, { token: 'a b/c&d' });
    const write = alone.master.call('set', 'waited', 'yes');
    await until('the refusal', RETURN_LIMIT, async () => (await statesOf(alone.master)).includes('refused'));
    assert.match((await alone.master.call('states')).at(-1).reason, /token/);
    await before.child.end();
    await startHub(t, { port, token: 'a b/c&d' });
    await within('what waited', 2 * RETURN_LIMIT, write);
    assert.equal(await alone.master.call('get', 'waited'), 'yes');
  });

  test('a write that was given up says why there is no connection', async (t) => {
    const hub = await startHub(t);
    const cluster = prepareCluster(t, { port: hub.port, env: ENV, ipc: { requestTimeout: MOMENT } });
    await cluster.startMaster();
    const worker = await cluster.startWorker();
    await worker.call('set', 'before', true);
    await hub.child.end();
    const reason = await worker.call('set', 'given up', true).then(
      () => 'none',
      ({ message }) => message,
    );
    assert.match(reason, /not answered within 1000 ms: .*connection to .*127\.0\.0\.1/);
  });

  test('what is sent while there is no connection waits for one (fails with the published client)', async (t) => {
    const hub = await startHub(t);
    const proxy = await startProxy(t, hub.port);
    const near = prepareCluster(t, { port: hub.port, env: ENV });
    const far = prepareCluster(t, { port: proxy.port, env: ENV, folder: near.folder });
    await near.startMaster();
    const worker = await far.startWorker();
    await worker.call('set', 'one', 1);
    const letThrough = proxy.hold();
    await proxy.cut();
    const writes = [2, 3, 4].map((n) => worker.call('set', `value${n}`, n));
    await sleep(MOMENT);
    letThrough();
    await within('the writes', RETURN_LIMIT, Promise.all(writes));
    assert.deepEqual(await statesOf(worker), ['connected', 'lost', 'resumed']);
    far.assertAlive();
  });
});
