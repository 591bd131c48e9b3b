'use strict';

// A worker is cut off for so long that its hub takes it for dead, and gives its lock back. When it is back, another one
// has that lock: what it had begun, it cannot go on with.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { prepareCluster } = require('../cluster/support/cluster.js');
const { HOST, startHub } = require('../cluster/support/hub.js');
const { startProxy } = require('../cluster/support/proxy.js');
const { until } = require('../cluster/support/wait.js');
const { ENV } = require('./support/client.js');

/** How long a worker may be away before its lock is given back, in milliseconds: little, for the test has to wait. */
const ABSENCE = 300;

/** How long what must happen may take, in milliseconds. */
const LIMIT = 15_000;

describe('a worker that was taken for dead', () => {
  test('gets no more locks for what it had begun, and goes on with all else', async (t) => {
    const hub = await startHub(t, { resumeWindow: ABSENCE, releaseLocksAfter: ABSENCE });
    const proxy = await startProxy(t, hub.port);
    const cluster = prepareCluster(t, {
      port: hub.port,
      env: ENV,
      logsLocks: true,
      placeOf: (name) => ({ ipc: { host: HOST, ...(name === 'worker1' && { port: proxy.port }) } }),
    });
    await cluster.startMaster();
    const [lost, other] = await cluster.startWorkers(2);
    const [begun, next] = [await lost.call('begin'), await other.call('begin')];
    await lost.call('lock', begun, 'shop', true);
    const granted = other.callWithin(LIMIT, 'lock', next, 'shop', true);
    const letThrough = proxy.hold();
    await proxy.cut();
    await granted;
    letThrough();
    await until('it is back', LIMIT, async () => (await lost.call('states')).at(-1).state === 'connected');

    await assert.rejects(lost.callWithin(LIMIT, 'lock', begun, 'shop/stock', true), /has expired/);
    await other.call('unlock', next);
    await lost.callWithin(LIMIT, 'unlock', begun);
    await lost.callWithin(LIMIT, 'set', 'shop/stock', 7);
    assert.equal(await other.call('get', 'shop/stock'), 7);
    cluster.assertAlive();
  });
});
