'use strict';

// TLS that ends at a proxy in front of the server: what is announced there, and a real nginx as docs/proxy.md has it.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');

const { request } = require('./support/http.js');
const { noNginx, startNginx } = require('./support/nginx.js');
const { announcedLimit, connect, join, refusal } = require('./support/peer.js');
const { MOMENT, startServer } = require('./support/server.js');

const KIB = 1024;
const MIB = 1024 * KIB;

/** What proxies say of a request that came to them over TLS. */
const CLAIMS = [
  { 'x-forwarded-proto': 'https' },
  { 'x-forwarded-proto': 'wss' },
  { 'x-forwarded-proto': 'https, http' },
  { forwarded: 'for=192.0.2.60;proto=https;by=203.0.113.43' },
];

for (const headers of CLAIMS) {
  test(`all may go over the socket where a proxy says ${JSON.stringify(headers)}`, async (t) => {
    const server = await startServer(t, { maxMessageSize: 3 * MIB });
    assert.equal(await announcedLimit(server, { headers }), 3 * MIB);
    assert.equal(await announcedLimit(server), 16 * KIB);
  });
}

test('the limit of a connection is what it was told, and nobody else’s', async (t) => {
  const server = await startServer(t);
  const secure = await join(server, 'peer-1', { headers: CLAIMS[0] });
  const plain = await join(server, 'peer-2');
  assert.equal(await secure.next(), 'connect:peer-2');
  const text = 'x'.repeat(MIB);
  secure.send(text);
  assert.equal(await plain.next(), text);
  plain.send(text);
  assert.equal((await plain.closed).code, 1009);
});

test('a session that is resumed on another way has the limit of that way', async (t) => {
  const server = await startServer(t);
  const text = 'x'.repeat(100 * KIB);
  const listener = await join(server, 'listener');
  const id = 'abcdefghijklmnopqrstuvwx';
  const first = await join(server, id);
  assert.equal(await listener.next(), `connect:${id}`);
  first.socket.terminate();
  await sleep(MOMENT);
  const second = await connect(server, id, { headers: CLAIMS[0] });
  assert.equal(await second.next(), `welcome:{"maxPayload":${100 * MIB}}`);
  second.send(text);
  assert.equal(await listener.next(), text);
});

test('a maxPayload of the owner goes for all', async (t) => {
  const server = await startServer(t, { maxPayload: 20_000 });
  assert.equal(await announcedLimit(server, { headers: CLAIMS[0] }), 20_000);
});

test('without TLS at the proxy nothing changes', async (t) => {
  const server = await startServer(t);
  for (const headers of [{ 'x-forwarded-proto': 'http' }, { forwarded: 'for=192.0.2.60;proto=http' }]) {
    assert.equal(await announcedLimit(server, { headers }), 16 * KIB);
  }
});

describe('behind nginx as docs/proxy.md has it', { skip: noNginx }, () => {
  test('clients are told to send all over the socket, and what they send arrives whole', async (t) => {
    const server = await startServer(t, { token: 'secret' });
    const proxy = await startNginx(t, server.port);
    const [one, two] = [
      await connect(proxy, '[peer-1]', { token: 'secret' }),
      await connect(proxy, 'peer-2', { token: 'secret' }),
    ];
    assert.equal(await one.next(), `welcome:{"maxPayload":${100 * MIB}}`);
    assert.equal(await one.next(), 'connect:peer-2');
    await two.next();
    const text = `${'Plain, é, ⚡, 😀. '.repeat(200_000)}end`;
    two.send(`to:[peer-1];${text}`);
    assert.equal(await one.next(), text);
    const ids = server.getClients('mydb_data').map(({ id }) => id);
    assert.deepEqual(ids.sort(), ['[peer-1]', 'peer-2']);
  });

  test('POST takes messages of maxMessageSize, and refusals keep their status and their words', async (t) => {
    const server = await startServer(t, { token: 'secret' });
    const proxy = await startNginx(t, server.port);
    const [one] = [await join(proxy, 'peer-1', { token: 'secret' }), await join(proxy, 'peer-2', { token: 'secret' })];
    await one.next();
    const body = 'x'.repeat(20 * MIB);
    const target = 'POST /mydb_data/send?id=peer-2&t=secret';
    assert.equal((await request(proxy, target, { body })).body, 'ok');
    assert.equal(await one.next(), body);
    assert.deepEqual(await refusal(proxy, 'peer-3', { token: 'wrong' }), { status: 403, body: '403 Unauthorized' });
    assert.equal((await refusal(proxy, 'peer-3', { version: '2.0.0' })).status, 409);
    assert.equal((await request(proxy, 'GET /healthz')).body, 'ok');
  });

  // Other systems have one loopback address only.
  const skip = process.platform !== 'linux' && 'the client needs an address that is not the proxy’s';
  test('refusals name the client, whatever it says of itself', { skip }, async (t) => {
    const server = await startServer(t, { token: 'secret', trustedProxies: ['127.0.0.1'] });
    const proxy = await startNginx(t, server.port);
    const refused = [];
    server.on('refused', (one) => refused.push(one.remote));
    const headers = { 'x-forwarded-for': '198.51.100.1', forwarded: 'for=198.51.100.1' };
    await refusal(proxy, 'peer-1', { token: 'wrong', headers, localAddress: '127.0.0.2' });
    await sleep(MOMENT);
    assert.deepEqual(refused, ['127.0.0.2']);
  });
});
