'use strict';

// A transaction that has outlived its lock: it gets no space to write, and nobody of its process waits for it.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { prepareCluster } = require('../cluster/support/cluster.js');
const { sleep, until, within } = require('../cluster/support/wait.js');
const { startBareHub } = require('./support/bare-hub.js');
const { ENV } = require('./support/client.js');

/** AceBase's own, in seconds: longer than a write takes on a busy machine. */
const LOCK_TIMEOUT = 3;

/** How long what must happen may take, in milliseconds: far less than a request may stand still. */
const LIMIT = 20_000;

/** How much longer the lock of the one that waits lasts than that of the other one, in milliseconds: time to write. */
const HEAD_START = 2000;

const TEXT = 'a text that is too long to stand in the record of its parent'.repeat(2);

const EXPIRED = /a lock of its transaction has expired/;

/** A master and a worker that has read nothing yet. */
async function startPair(t) {
  const hub = await startBareHub(t);
  const ipc = { host: '127.0.0.1' };
  const cluster = prepareCluster(t, { port: hub.port, env: ENV, ipc, lockTimeout: LOCK_TIMEOUT });
  const master = await cluster.startMaster();
  await master.call('set', 'shop/stock/apples', { text: TEXT });
  const worker = await cluster.startWorker();
  await until('both', LIMIT, () => hub.addresses.length === 2);
  return { hub, cluster, worker };
}

/** What becomes of it, in time. */
function outcomeOf(what, action) {
  return within(what, LIMIT, action).then(
    () => 'done',
    ({ message }) => message,
  );
}

describe('a transaction that has outlived its lock', { concurrency: 2 }, () => {
  test('gets no space that comes too late, and the master has it back (fails with the published client)', async (t) => {
    const { hub, cluster, worker } = await startPair(t);
    hub.options.keepsBack = ({ type, data }) => type === 'result' && data?.allocation !== undefined;
    const write = outcomeOf('the write', worker.call('set', 'shop/stock/pears', { text: TEXT }));
    await until('the answer', LIMIT, () => hub.kept === 1);
    assert.match(await write, EXPIRED);
    hub.letGo();
    const [{ allocation }] = hub.messages('result').map(({ data }) => data);
    const released = () => hub.messages('request').filter(({ data }) => data.type === 'fst.release');
    await until('the release', LIMIT, () => released().length > 0);
    assert.deepEqual(released()[0].data.ranges, allocation);
    assert.equal(await outcomeOf('the next write', worker.call('set', 'shop/stock/plums', { text: TEXT })), 'done');
    const { shop } = await cluster.audit(['shop']);
    assert.deepEqual(shop, { stock: { apples: { text: TEXT }, plums: { text: TEXT } } });
  });

  test('does not keep another one waiting for what it was looking up (fails with the published client)', async (t) => {
    const { hub, cluster, worker } = await startPair(t);
    let isFirst = true;
    hub.options.keepsBack = ({ type, data }) => {
      const isMeant = isFirst && type === 'lock-request' && data.path === 'shop';
      isFirst &&= !isMeant;
      return isMeant;
    };
    const read = outcomeOf('the reading', worker.call('get', 'shop/stock/apples'));
    await until('the lookup', LIMIT, () => hub.kept === 1);
    await sleep(HEAD_START);
    const write = outcomeOf('the write', worker.call('set', 'shop/stock/apples', { text: `another ${TEXT}` }));
    assert.deepEqual([EXPIRED.test(await read), await write], [true, 'done']);
    const { shop } = await cluster.audit(['shop']);
    assert.deepEqual(shop, { stock: { apples: { text: `another ${TEXT}` } } });
  });
});
