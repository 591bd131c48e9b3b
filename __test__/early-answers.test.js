'use strict';

// An answer that comes while the client still sends its body reaches the client: it is not reset away. Each is asked
// for many times, as a race decides.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const net = require('node:net');
const { describe, test } = require('node:test');

const { pem } = require('./support/certificates.js');
const { request } = require('./support/http.js');
const { join } = require('./support/peer.js');
const { noOpenssl } = require('./support/platform.js');
const { startServer, TRANSPORTS } = require('./support/server.js');

const TIMES = 20;
const LARGE = Buffer.alloc(8_000_000, 'x');

/** What is refused before it is read, and how. */
const REFUSALS = [
  { status: 413, what: 'a message that is too large', target: 'POST /mydb_data/send?id=peer-1&t=secret' },
  {
    status: 413,
    what: 'one that does not say its length',
    target: 'POST /mydb_data/send?id=peer-1&t=secret',
    chunked: true,
  },
  { status: 401, what: 'a wrong token', target: 'POST /mydb_data/send?id=peer-1&t=wrong' },
  { status: 401, what: 'an unknown sender', target: 'POST /mydb_data/send?id=nobody&t=secret' },
  {
    status: 403,
    what: 'a web page',
    target: 'POST /mydb_data/send?id=peer-1',
    headers: { origin: 'https://page.example' },
  },
  { status: 404, what: 'what is not there', target: 'POST /nothing' },
  { status: 405, what: 'another method', target: 'PUT /mydb_data/send?id=peer-1&t=secret' },
  {
    status: 501,
    what: 'an unknown coding',
    target: 'POST /mydb_data/send?id=peer-1',
    headers: { 'transfer-encoding': 'gzip, chunked' },
  },
  {
    status: 431,
    what: 'a long head',
    target: 'POST /mydb_data/send?id=peer-1',
    headers: { 'x-long': 'x'.repeat(60_000) },
  },
];

for (const transport of TRANSPORTS) {
  describe(`over ${transport.name}`, { skip: transport.skip }, () => {
    for (const { status, what, target, chunked, headers } of REFUSALS) {
      test(`${what}: ${status}`, async (t) => {
        const server = await startServer(t, { ...transport.config(), token: 'secret', maxMessageSize: 1_000_000 });
        const peer = await join(server, 'peer-1', { token: 'secret' });
        const body = chunked ? { chunks: [LARGE] } : { body: LARGE };
        for (let time = 0; time < TIMES; time += 1) {
          const answer = await request(server, target, { ...body, headers }).catch((error) => error);
          assert.equal(answer.status, status, answer.message);
        }
        assert.deepEqual(await peer.rest(), []);
      });
    }

    test('no place left: 503', async (t) => {
      const server = await startServer(t, { ...transport.config(), maxConnections: 1 });
      server.on('warning', () => {});
      await join(server, 'peer-1');
      if (server.isTls) {
        // Before a handshake there is no way to say it.
        await assert.rejects(request(server, 'POST /mydb_data/send?id=peer-1', { body: LARGE }));
        return;
      }
      for (let time = 0; time < TIMES; time += 1) {
        const answer = await request(server, 'POST /mydb_data/send?id=peer-1', { body: LARGE }).catch((error) => error);
        assert.equal(answer.status, 503, answer.message);
      }
    });
  });
}

/** Hears the server's whole answer, does not close, and goes on sending. `closed`: settles when the server closes. */
async function stubborn(t, server, head) {
  const socket = net.connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
  t.after(() => socket.destroy());
  socket.on('error', () => {});
  socket.write(`${head}\r\nHost: x\r\n`);
  socket.write('Content-Length: 1000000000\r\n\r\n');
  const sending = setInterval(() => socket.write(LARGE.subarray(0, 10_000)), 10);
  const closed = new Promise((resolve) => socket.once('close', resolve));
  closed.then(() => clearInterval(sending));
  socket.resume();
  await once(socket, 'end');
  return { closed };
}

test('what never ends is read for some seconds only', async (t) => {
  const server = await startServer(t, { maxMessageSize: 1_000_000 });
  await join(server, 'peer-1');
  const { closed } = await stubborn(t, server, 'POST /mydb_data/send?id=peer-1 HTTP/1.1');
  const began = Date.now();
  await closed;
  const took = Date.now() - began;
  assert.ok(took > 3000 && took < 15_000, `it took ${took} ms`);
});

test('a stop does not wait for what never ends', async (t) => {
  const server = await startServer(t, { maxMessageSize: 1_000_000 });
  await join(server, 'peer-1');
  await stubborn(t, server, 'POST /mydb_data/send?id=peer-1 HTTP/1.1');
  const began = Date.now();
  await server.stop();
  assert.ok(Date.now() - began < 2000, `it took ${Date.now() - began} ms`);
});

test('plain HTTP to a TLS port: 400', { skip: noOpenssl }, async (t) => {
  const server = await startServer(t, { ssl: pem() });
  server.on('warning', () => {});
  const plain = { port: server.port, isTls: false };
  for (let time = 0; time < TIMES; time += 1) {
    const answer = await request(plain, 'POST /mydb_data/send?id=peer-1', { body: LARGE }).catch((error) => error);
    assert.equal(answer.status, 400, answer.message);
  }
});
