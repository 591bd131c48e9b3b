'use strict';

// What goes over the wire between processes with the client and a bare server of the protocol.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { prepareCluster } = require('../cluster/support/cluster.js');
const { until, within } = require('../cluster/support/wait.js');
const { pem } = require('../support/certificates.js');
const { noOpenssl, noSignals } = require('../support/platform.js');
const { startBareHub } = require('./support/bare-hub.js');
const { ENV } = require('./support/client.js');

/** How long what must happen may take, in milliseconds. */
const LIMIT = 10_000;

async function startPair(t, { hub: options, ipc, ...settings } = {}) {
  const hub = await startBareHub(t, options);
  const cluster = prepareCluster(t, { port: hub.port, env: ENV, ipc: { host: '127.0.0.1', ...ipc }, ...settings });
  const master = await cluster.startMaster();
  const worker = await cluster.startWorker();
  return { hub, cluster, master, worker };
}

/** Tells a process of another one, as hubs of version 1 do not. */
async function introduce(hub, { master, worker }) {
  await until('both', LIMIT, () => hub.addresses.length >= 2);
  const id = new URL(hub.addresses[1], 'http://hub').searchParams.get('id');
  hub.say('[master]', `{"type":"hello","from":"${id}"}`);
  await until('acquaintance', LIMIT, async () => (await master.call('peers')).includes(id));
  await until('acquaintance', LIMIT, async () => (await worker.call('peers')).includes('[master]'));
  return id;
}

/** A worker writes short and long values; the master hears of all of them, in their order. */
async function assertOrder({ hub, master, worker }) {
  await introduce(hub, { master, worker });
  await master.call('watch', 'texts', 'child_added');
  await until('the subscription', LIMIT, () => hub.messages('subscribe').length > 0);
  const sizes = [10, 60_000, 20, 300_000, 30];
  const writes = sizes.map((size, n) => worker.call('setLong', `texts/text-${n}`, size));
  await Promise.all(writes);
  await until('the events', LIMIT, async () => (await master.call('events')).length === sizes.length);
  const events = hub.messages('event');
  assert.deepEqual(
    events.map(({ data }) => data.path),
    sizes.map((_, n) => `texts/text-${n}`),
  );
  assert.deepEqual(
    events.map(({ over }) => over),
    ['socket', 'http', 'socket', 'http', 'socket'],
  );
}

describe('messages', { concurrency: 2 }, () => {
  test('tokens and names are encoded (fails with the published client)', async (t) => {
    const token = 'a b&c=d/é#?';
    const { hub } = await startPair(t, { ipc: { token } });
    for (const address of hub.addresses) {
      const { pathname, searchParams } = new URL(address, 'http://hub');
      assert.equal(pathname, '/testdb_data/connect');
      assert.equal(searchParams.get('t'), token);
    }
    assert.equal(new URL(hub.addresses[0], 'http://hub').searchParams.get('id'), '[master]');
  });

  test('nothing is printed of them (fails with the published client)', async (t) => {
    const { worker, master, hub } = await startPair(t);
    hub.say('[master]', 'connect:somebody-who-joined');
    await worker.call('set', 'one', 1);
    assert.deepEqual(await master.call('tidings'), []);
  });

  test('nobody waits for the answer to a release', async (t) => {
    // Each write returns a lock of its own.
    const ipc = { keepLocksFor: 0 };
    const { hub, worker } = await startPair(t, { hub: { drops: 'unlock-result' }, ipc });
    await within('a write', LIMIT, worker.call('set', 'one', 1));
    await within('another write', LIMIT, worker.call('set', 'two', 2));
    await until('both releases', LIMIT, () => hub.messages('unlock-request').length === 2);
  });

  for (const isSecure of [false, true]) {
    const way = isSecure
      ? 'HTTPS, where ssl is on, in its order (fails with the published client)'
      : 'HTTP, in its order';
    test(`what is too long for a frame goes by ${way}`, { skip: isSecure && noOpenssl }, async (t) => {
      const env = { ...ENV, NODE_TLS_REJECT_UNAUTHORIZED: '0' };
      const hub = { ssl: isSecure ? pem() : undefined };
      await assertOrder(await startPair(t, { hub, ipc: { ssl: isSecure }, env }));
    });
  }

  test('unsubscribing stops the sender, with the last listener (fails with the published client)', async (t) => {
    const { hub, master, worker } = await startPair(t);
    await introduce(hub, { master, worker });
    const eventsSent = async (key) => {
      const before = hub.messages('event').length;
      await worker.call('set', `news/${key}`, key);
      await worker.call('set', 'elsewhere', key);
      return hub.messages('event').length - before;
    };
    await master.call('watch', 'news', 'child_added');
    await until('the subscription', LIMIT, () => hub.messages('subscribe').length > 0);
    assert.equal(await eventsSent('first'), 1);
    // Another listener of the same, which replaces the first one in the list of what can be ended.
    await master.call('watch', 'news', 'child_added');
    await master.call('unwatch', 'news', 'child_added');
    assert.equal(await eventsSent('second'), 1);
    assert.equal(hub.messages('unsubscribe').length, 0);
  });

  test('unsubscribing the only listener stops the sender (fails with the published client)', async (t) => {
    const { hub, master, worker } = await startPair(t);
    await introduce(hub, { master, worker });
    await master.call('watch', 'news', 'child_added');
    await until('the subscription', LIMIT, () => hub.messages('subscribe').length > 0);
    await worker.call('set', 'news/one', 1);
    await until('the event', LIMIT, async () => (await master.call('events')).length === 1);
    await master.call('unwatch', 'news', 'child_added');
    await until('the word', LIMIT, () => hub.messages('unsubscribe').length === 1);
    const before = hub.messages('event').length;
    await worker.call('set', 'news/two', 2);
    assert.equal(hub.messages('event').length, before);
  });

  test('a request that nobody answers fails after requestTimeout (fails with the published client)', {
    skip: noSignals,
  }, async (t) => {
    const hub = await startBareHub(t);
    const ipc = { host: '127.0.0.1', requestTimeout: 1000 };
    const cluster = prepareCluster(t, { port: hub.port, env: ENV, ipc });
    const master = await cluster.startMaster();
    await master.call('set', 'one', 1);
    const worker = await cluster.startWorker();
    master.signal('SIGSTOP');
    await assert.rejects(within('the write', LIMIT, worker.call('set', 'two', 2)), /lock-request.*within 1000 ms/);
    master.signal('SIGCONT');
    // The lock that comes too late is given back: the next one is granted.
    await until('a write', LIMIT, () =>
      worker.call('set', 'three', 3).then(
        () => true,
        () => false,
      ),
    );
    cluster.assertAlive();
  });

  test('an answer that comes twice does no harm (fails with the published client)', async (t) => {
    const { hub, worker, cluster } = await startPair(t);
    await worker.call('set', 'one', 1);
    const id = new URL(hub.addresses[1], 'http://hub').searchParams.get('id');
    const { text } = hub.heard.findLast(({ text }) => text.includes('"lock-result"'));
    hub.say(id, text.slice(text.indexOf('{')));
    hub.say(id, 'nonsense');
    hub.say(id, '{nonsense');
    await worker.call('set', 'two', 2);
    cluster.assertAlive();
  });
});
