'use strict';

// Values that are too long for one frame reach subscribers in other processes, plain and over TLS with a token.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { pem } = require('../support/certificates.js');
const { rawConnect, rawJoin } = require('../support/raw.js');
const { prepareCluster, startCluster } = require('./support/cluster.js');
const { longText, summary } = require('./support/text.js');
const { sleep, until } = require('./support/wait.js');

const TOKEN = 'a-secret-of-this-cluster';

/** In bytes: both are longer than the 16 KiB of one frame, and the second than what one read of a socket brings. */
const SIZES = [100_000, 5_000_000];

/** More than the hub of one test takes, and than what fits into the buffers between two processes. In bytes. */
const TOO_LARGE = 8_000_000;

/** How long a value may take to its subscribers, in milliseconds. */
const EVENT_LIMIT = 10_000;

/** How a cluster's processes reach each other. */
const TRANSPORTS = [
  { name: 'plain', settings: () => ({}) },
  { name: 'TLS and token', settings: secured },
  // The client connects to what the name comes to, and posts to the name as it stands.
  { name: 'a name with a folder', settings: () => ({ dbname: './testdb' }) },
  // To which the client cannot post.
  { name: 'a name with a blank', settings: () => ({ dbname: 'test db' }) },
];

function secured() {
  const ssl = pem();
  // The client offers no setting for a certificate authority of one's own; Node.js does.
  const env = { NODE_EXTRA_CA_CERTS: ssl.certPath };
  return { hub: { ssl, token: TOKEN }, ipc: { ssl: true, token: TOKEN }, env };
}

/** Two workers subscribe to a value that the third one will write. */
async function subscribeTwo(t, settings) {
  const { hub, cluster, workers } = await startCluster(t, { ...settings, workers: 3 });
  const [writer, ...readers] = workers;
  await Promise.all(readers.map((reader) => reader.call('watch', 'document', 'value')));
  // Subscriptions are broadcast; nothing tells when the writer has heard them.
  await sleep(500);
  return { hub, cluster, writer, readers };
}

for (const { name, settings } of TRANSPORTS) {
  test(`long values with all kinds of characters reach subscribers in two other workers: ${name}`, async (t) => {
    const { cluster, writer, readers } = await subscribeTwo(t, settings());
    for (const size of SIZES) {
      await writer.call('setLong', 'document', size);
    }
    const expected = SIZES.map((size) => ({ event: 'value', path: 'document', value: summary(longText(size)) }));
    for (const reader of readers) {
      await until('events', EVENT_LIMIT, async () => (await reader.call('events')).length >= expected.length);
      assert.deepEqual(await reader.call('events'), expected, reader.name);
      assert.deepEqual(await reader.call('get', 'document'), expected.at(-1).value);
    }
    cluster.assertAlive();
  });
}

/** Longer, in milliseconds, than a client hears nothing before it asks for a sign of life. */
const HELD_UP = 6000;

test('a long value for which there is no room waits, and arrives; its process goes on', async (t) => {
  const maxUnfinished = 2 * 1024 * 1024;
  const { hub, cluster, writer, readers } = await subscribeTwo(t, { hub: { maxUnfinished } });
  const other = await rawJoin({ port: hub.port }, 'other', 'other_data');
  const holder = await rawConnect({ port: hub.port });
  holder.write(`POST /other_data/send?id=other HTTP/1.1\r\nHost: x\r\nContent-Length: ${maxUnfinished}\r\n\r\nx`);
  await sleep(500);
  await writer.call('setLong', 'document', 200_000);
  await writer.call('set', 'note', 'short');
  await sleep(HELD_UP);
  assert.deepEqual(await Promise.all(readers.map((reader) => reader.call('events'))), [[], []]);
  holder.socket.destroy();
  const expected = [{ event: 'value', path: 'document', value: summary(longText(200_000)) }];
  for (const reader of readers) {
    await until('the event', EVENT_LIMIT, async () => (await reader.call('events')).length > 0);
    assert.deepEqual(await reader.call('events'), expected, reader.name);
  }
  cluster.assertAlive();
  other.socket.destroy();
});

/** Settings with which a long value does not arrive, and why. */
const LOSSES = [
  {
    why: "largeMessages 'download': the client cannot fetch",
    settings: () => ({ hub: { largeMessages: 'download' } }),
  },
  { why: 'a small maxPayload over TLS: the client posts over plain HTTP', settings: withSmallPayload },
];

function withSmallPayload() {
  const { hub, ...rest } = secured();
  return { hub: { ...hub, maxPayload: 16_384 }, ...rest };
}

for (const { why, settings } of LOSSES) {
  test(`what the defaults are for: with ${why}, and long values are lost`, async (t) => {
    const { writer, readers } = await subscribeTwo(t, settings());
    await writer.call('setLong', 'document', SIZES[0]);
    await hearsOnlyShort(writer, readers);
  });
}

/** A short value still reaches them, and has been the only one. */
async function hearsOnlyShort(writer, readers) {
  await Promise.all(readers.map((reader) => reader.call('watch', 'note', 'value')));
  await sleep(500);
  await writer.call('set', 'note', 'short');
  for (const reader of readers) {
    await until('the short value', EVENT_LIMIT, async () => (await reader.call('events')).length > 0);
    assert.deepEqual(await reader.call('events'), [{ event: 'value', path: 'note', value: 'short' }]);
  }
}

test('a value that is too large for the hub is lost to subscribers, and ends nobody', async (t) => {
  const { hub, cluster, writer, readers } = await subscribeTwo(t, { hub: { maxMessageSize: 1_000_000 } });
  await writer.call('setLong', 'document', TOO_LARGE);
  await hearsOnlyShort(writer, readers);
  const refusals = await hub.child.call('refusals');
  assert.deepEqual([...new Set(refusals)], [413], 'the hub tells its owner');
  cluster.assertAlive();
});

test('a wrong token is refused in the way that the client understands', async (t) => {
  const { hub, ...rest } = secured();
  const { hub: running, cluster, workers } = await startCluster(t, { hub, ...rest, workers: 1 });
  const ipc = { ...rest.ipc, token: 'not-the-secret' };
  const stranger = prepareCluster(t, { ...rest, port: running.port, folder: cluster.folder, ipc }).spawnWorker(
    'stranger',
  );
  await until('its error', EVENT_LIMIT, () =>
    stranger.lastWords.includes('Cannot connect to IPC server: unauthorized'),
  );
  const clients = await running.child.call('clients', cluster.hubName);
  assert.equal(clients.length, 2, 'master and worker, not the stranger');
  await workers[0].call('set', 'still', 'working');
  cluster.assertAlive();
});
