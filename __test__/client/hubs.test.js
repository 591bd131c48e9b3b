'use strict';

// Where a hub may be, in which order it is looked for, and how long it is paused between.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { Backoff, FIRST, LONGEST } = require('../../lib/client/backoff.js');
const { Hubs, nameOf } = require('../../lib/client/hubs.js');
const { prepareCluster } = require('../cluster/support/cluster.js');
const { until, within } = require('../cluster/support/wait.js');
const { freePort } = require('../support/port.js');
const { startBareHub } = require('./support/bare-hub.js');
const { ENV } = require('./support/client.js');

/** How long what must happen may take, in milliseconds. */
const LIMIT = 5000;

/** What names stand for in these tests. */
const NAMES = {
  one: [{ address: '10.0.0.1', family: 4 }],
  two: [
    { address: '10.0.0.2', family: 4 },
    { address: 'fd00::2', family: 6 },
  ],
};

const lookup = async (name) => {
  if (!NAMES[name]) {
    throw Object.assign(new Error('unknown'), { code: 'ENOTFOUND' });
  }
  return NAMES[name];
};

async function placesOf(settings) {
  return (await new Hubs({ port: 9163, ...settings }, lookup).places()).map(nameOf);
}

describe('places', () => {
  test('without a host: localhost', async () => {
    assert.deepEqual(await placesOf({ host: undefined }), ['localhost:9163']);
  });

  test('each address of a name', async () => {
    assert.deepEqual(await placesOf({ host: 'two' }), ['two:9163 (10.0.0.2)', 'two:9163 (fd00::2)']);
  });

  test('a list comes instead of the host: names, ports, addresses', async () => {
    const hosts = ['one', 'one:9000', '[::1]:9001', '127.0.0.1', { host: 'one', port: 9002 }, {}];
    assert.deepEqual(await placesOf({ host: 'two', hosts }), [
      'one:9163 (10.0.0.1)',
      'one:9000 (10.0.0.1)',
      '[::1]:9001',
      '127.0.0.1:9163',
      'one:9002 (10.0.0.1)',
      'localhost:9163',
    ]);
  });

  test('a name that is not known is tried nevertheless: the attempt says what is wrong', async () => {
    assert.deepEqual(await placesOf({ hosts: ['nowhere', 'one'] }), ['nowhere:9163', 'one:9163 (10.0.0.1)']);
  });

  test('the last one comes first', async () => {
    const hubs = new Hubs({ port: 9163, hosts: ['one', 'two'] }, lookup);
    const [, , last] = await hubs.places();
    hubs.remember(last);
    assert.deepEqual((await hubs.places()).map(nameOf), [
      'two:9163 (fd00::2)',
      'one:9163 (10.0.0.1)',
      'two:9163 (10.0.0.2)',
    ]);
  });
});

test('pauses grow to a bound, differ between processes, and begin anew', () => {
  const least = new Backoff(() => 0);
  const most = new Backoff(() => 1);
  for (const expected of [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST, 16 * FIRST, LONGEST, LONGEST]) {
    assert.equal(least.next(), expected / 2);
    assert.equal(most.next(), expected);
  }
  most.reset();
  assert.equal(most.next(), FIRST);
});

test('the next hub of a list is tried at once, when one is refused and when one is lost', async (t) => {
  const [first, second] = [await startBareHub(t), await startBareHub(t)];
  const hosts = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${first.port}`, `127.0.0.1:${second.port}`];
  const cluster = prepareCluster(t, { port: 1, env: ENV, ipc: { hosts } });
  const master = await cluster.startMaster();
  await master.call('set', 'one', 1);
  assert.equal(first.addresses.length, 1);
  const worker = await cluster.startWorker();
  await first.stop();
  // A bare hub keeps nothing for a master that is not there yet.
  await until('both', LIMIT, () => second.addresses.length === 2);
  await within('a write', LIMIT, worker.call('set', 'two', 2));
  cluster.assertAlive();
});
