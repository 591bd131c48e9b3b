'use strict';

// A process reads the files, and gets its connection later: what the others do in between, it must learn of, or it
// would write over it.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { hasClient, prepareCluster } = require('./support/cluster.js');
const { startHub } = require('./support/hub.js');
const { startProxy } = require('./support/proxy.js');
const { until } = require('./support/wait.js');

/** How long a process may take to open the files, in milliseconds. The published client gives its connection 5 s. */
const OPEN_LIMIT = 20_000;

/** So many keys at the root, in so long texts, make its record grow, and so move. */
const KEYS = 20;

/** The keys of an object, short enough to stand in the table of keys. */
const CUSTOMER = { name: 'Ann', city: 'Ghent' };

/**
 * A master, a worker, and another one that has opened the files and has no connection yet.
 * @returns What lets it get its connection, too.
 */
async function startLatecomer(t) {
  const hub = await startHub(t);
  const proxy = await startProxy(t, hub.port);
  const placeOf = (name) => (name === 'latecomer' ? { ipc: { port: proxy.port } } : {});
  const cluster = prepareCluster(t, { port: hub.port, placeOf });
  const master = await cluster.startMaster();
  if (!hasClient('master')) {
    // The published client is ready without.
    await master.call('connected');
  }
  const worker = await cluster.startWorker();
  await worker.call('set', 'first', { is: 'there' });
  const letThrough = proxy.hold();
  const latecomer = cluster.spawnWorker('latecomer');
  await until('the open files', OPEN_LIMIT, () => latecomer.call('hasOpened'));
  return { cluster, master, worker, latecomer, letThrough };
}

describe('a process that gets its connection some time after it has opened the files', { concurrency: 2 }, () => {
  for (const who of ['master', 'worker']) {
    test(`writes nothing over that the ${who} has written meanwhile below new keys`, async (t) => {
      const { cluster, latecomer, letThrough, [who]: other } = await startLatecomer(t);
      await other.call('set', 'customers/customer1', CUSTOMER);
      letThrough();
      await latecomer.call('set', 'customers/customer2', CUSTOMER);
      await other.call('set', 'customers/customer1/city', 'Bruges');
      const { customers } = await cluster.audit(['customers']);
      assert.deepEqual(customers, { customer1: { ...CUSTOMER, city: 'Bruges' }, customer2: CUSTOMER });
    });

    test(`goes on from the root record to where the ${who} has moved it`, async (t) => {
      const { cluster, latecomer, letThrough, [who]: other } = await startLatecomer(t);
      const keys = Array.from({ length: KEYS }, (_, n) => `a-key-that-is-too-long-for-the-table-${n}`);
      await Promise.all(keys.map((key) => other.call('set', key, 'a text that stands beside its key')));
      letThrough();
      await latecomer.call('set', 'late', 'bird');
      const stored = await cluster.audit(['first', 'late', ...keys]);
      assert.deepEqual(
        Object.keys(stored).filter((key) => stored[key] === null),
        [],
      );
    });
  }

  test('keeps an index up to date that was created meanwhile', async (t) => {
    const { worker, latecomer, letThrough } = await startLatecomer(t);
    await worker.call('set', 'customers/customer1', CUSTOMER);
    await worker.call('createIndex', 'customers', 'city');
    letThrough();
    await latecomer.call('set', 'customers/customer2', CUSTOMER);
    const found = await worker.call('find', 'customers', 'city', CUSTOMER.city);
    assert.deepEqual(found.sort(), ['customer1', 'customer2']);
  });
});
