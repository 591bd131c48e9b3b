'use strict';

// What must not get through, and must not hurt anybody else: each closes or refuses only its own connection.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { request } = require('./support/http.js');
const { join, refusal } = require('./support/peer.js');
const { closeCode, frame, handshake, rawConnect, rawJoin } = require('./support/raw.js');
const { startServer, TRANSPORTS } = require('./support/server.js');

const TEXT = 0x1;
const PING = 0x9;

for (const transport of TRANSPORTS) {
  describe(`over ${transport.name}`, { skip: transport.skip }, () =>
    specify((t, config) => startServer(t, { ...transport.config(), ...config })),
  );
}

function specify(start) {
  /** Starts a server with a peer that must not notice anything. */
  async function startWatched(t, config) {
    let watcher;
    // Registered before the server's stop, and so called before it.
    t.after(async () => {
      watcher.send('ping');
      assert.equal(await watcher.next(), 'pong', 'the others go on');
    });
    const server = await start(t, config);
    watcher = await join(server, 'watcher', { db: 'watched_data' });
    return server;
  }

  describe('frames', () => {
    async function closedAfter(t, bytes) {
      const server = await startWatched(t, { maxPayload: 100 });
      const other = await join(server, 'peer-1');
      const bad = await rawJoin(server, 'peer-2');
      bad.write(bytes);
      const received = await bad.closed();
      assert.deepEqual(await other.take(2), ['connect:peer-2', 'disconnect:peer-2']);
      return closeCode(received);
    }

    test('text that is not UTF-8 closes with 1007', async (t) => {
      assert.equal(await closedAfter(t, frame(TEXT, [0x61, 0xff, 0xfe])), 1007);
    });

    test('an unmasked frame closes with 1002', async (t) => {
      assert.equal(await closedAfter(t, frame(TEXT, 'hello', { isMasked: false })), 1002);
    });

    test('an unknown opcode closes with 1002', async (t) => {
      assert.equal(await closedAfter(t, frame(0x3, 'hello')), 1002);
    });

    test('a reserved bit closes with 1002', async (t) => {
      assert.equal(await closedAfter(t, frame(TEXT, 'hello', { reserved: 0x40 })), 1002);
    });

    test('a control frame in pieces closes with 1002', async (t) => {
      assert.equal(await closedAfter(t, frame(PING, 'hello', { isFinal: false })), 1002);
    });

    test('a continuation of nothing closes with 1002', async (t) => {
      assert.equal(await closedAfter(t, frame(0x0, 'hello')), 1002);
    });

    test('a frame that declares too much closes with 1009 before it is there', async (t) => {
      const head = Buffer.from([0x81, 0xff, 0, 0, 0, 0x40, 0, 0, 0, 0, 0, 0, 0, 0]);
      assert.equal(await closedAfter(t, head), 1009);
    });

    test('a message that becomes too large in pieces closes with 1009', async (t) => {
      const piece = 'x'.repeat(60);
      const pieces = [frame(TEXT, piece, { isFinal: false }), frame(0x0, piece, { isFinal: false })];
      const rest = Array.from({ length: 20 }, () => frame(0x0, piece, { isFinal: false }));
      assert.equal(await closedAfter(t, Buffer.concat([...pieces, ...rest])), 1009);
    });
  });

  describe('handshakes', () => {
    async function answerTo(t, head) {
      const server = await startWatched(t);
      const connection = await rawConnect(server);
      connection.write(`${head}\r\n\r\n`);
      await connection.heard('\r\n\r\n');
      assert.deepEqual(server.getClients('mydb_data'), []);
      connection.socket.destroy();
      return Number(connection.received.toString().split(' ')[1]);
    }

    const good = handshake('/mydb_data/connect?v=1.0.0&id=peer-1&t=undefined');

    test('without a key: 400', async (t) => {
      assert.equal(await answerTo(t, good.replace(/\r\nSec-WebSocket-Key:.*/, '')), 400);
    });

    test('of another WebSocket version: 426', async (t) => {
      assert.equal(await answerTo(t, good.replace('Version: 13', 'Version: 8')), 426);
    });

    test('without Upgrade: 426', async (t) => {
      assert.equal(await answerTo(t, good.replace('Upgrade: websocket\r\n', '')), 426);
    });

    test('of HTTP/1.0: 400', async (t) => {
      assert.equal(await answerTo(t, good.replace('HTTP/1.1', 'HTTP/1.0')), 400);
    });

    test('by POST: 405', async (t) => {
      assert.equal(await answerTo(t, good.replace('GET', 'POST')), 405);
    });

    test('that is no HTTP: 400 or closed', async (t) => {
      const server = await startWatched(t);
      const connection = await rawConnect(server);
      connection.write('hello\r\n\r\n');
      assert.match((await connection.closed()).toString(), /^(HTTP\/1\.1 400 |$)/);
    });

    test('with headers that are too long: 431', async (t) => {
      const server = await startWatched(t, { maxHeaderSize: 8192 });
      const connection = await rawConnect(server);
      connection.write(`${good}\r\nX-Long: ${'x'.repeat(100_000)}\r\n\r\n`);
      assert.match((await connection.closed()).toString(), /^HTTP\/1\.1 431 /);
    });

    test('that takes too long: closed', async (t) => {
      const server = await startWatched(t, { handshakeTimeout: 300 });
      const connection = await rawConnect(server);
      const began = Date.now();
      connection.write(good);
      await connection.closed();
      const took = Date.now() - began;
      assert.ok(took >= 200 && took < 3000, `closed after ${took} ms`);
    });

    test('silence from the beginning: closed', async (t) => {
      const server = await startWatched(t, { handshakeTimeout: 300 });
      const connection = await rawConnect(server);
      await connection.closed();
    });
  });

  describe('bodies', () => {
    test('of a declared 1 GB are refused with 413 before they are read', async (t) => {
      const server = await startWatched(t);
      await join(server, 'peer-1');
      const connection = await rawConnect(server);
      connection.write('POST /mydb_data/send?id=peer-1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\nxxxx');
      assert.match((await connection.closed()).toString(), /^HTTP\/1\.1 413 /);
    });

    test('that are not UTF-8 are refused with 400', async (t) => {
      const server = await startWatched(t);
      const peer = await join(server, 'peer-1');
      const { status } = await request(server, 'POST /mydb_data/send?id=peer-1', { body: Buffer.from([0xff, 0xfe]) });
      assert.equal(status, 400);
      assert.deepEqual(await peer.rest(), []);
    });
  });

  describe('names of databases', () => {
    for (const name of [
      'constructor',
      '__proto__',
      'toString',
      '..%2Fx',
      '%2e%2e%2fx',
      'd%C3%A9j%C3%A0',
      'x'.repeat(300),
    ]) {
      test(`${name.slice(0, 20)} is a name like any other`, async (t) => {
        const server = await startWatched(t);
        const meant = decodeURIComponent(name);
        assert.deepEqual(server.getClients(meant), []);
        const a = await rawJoin(server, 'peer-1', name);
        const b = await rawJoin(server, 'peer-2', name);
        await a.heard('connect:peer-2');
        assert.equal(server.getClients(meant).length, 2);
        const { body } = await request(server, `GET /${name}/clients`);
        assert.equal(JSON.parse(body).length, 2);
        b.socket.destroy();
        await a.heard('disconnect:peer-2');
        a.socket.destroy();
      });
    }

    test('empty, or longer than any file name, is not found', async (t) => {
      const server = await startWatched(t);
      for (const name of ['', 'x'.repeat(5000)]) {
        assert.equal((await refusal(server, 'peer-1', { db: name })).status, 404);
        assert.equal((await request(server, `GET /${name}/clients`)).status, 404);
      }
    });
  });

  describe('web pages', () => {
    const page = { origin: 'https://page.example' };

    test('are refused: to connect, and to ask', async (t) => {
      const server = await startWatched(t);
      await join(server, 'peer-1');
      assert.equal((await refusal(server, 'peer-2', { headers: page })).status, 403);
      for (const target of ['GET /mydb_data/clients', 'POST /mydb_data/send?id=peer-1', 'GET /']) {
        assert.equal((await request(server, target, { headers: page })).status, 403);
      }
      assert.equal((await refusal(server, 'peer-2', { headers: { origin: 'null' } })).status, 403);
    });

    const image = { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors', 'sec-fetch-dest': 'image' };

    test('are refused where only the browser tells of them, but for health checks', async (t) => {
      const server = await startWatched(t, { allowedOrigins: ['https://page.example'] });
      const peer = await join(server, 'peer-1');
      const statusOf = async (target) => (await request(server, target, { headers: image })).status;
      for (const target of [
        'POST /mydb_data/send?id=peer-1',
        'GET /mydb_data/send?id=peer-1&msg=x',
        'GET /mydb_data/receive?id=peer-1&msg=x',
        'GET /mydb_data/clients',
        'GET /mydb_data/connect?v=1.0.0&id=peer-2',
        'GET /',
        'GET /status.json',
        'GET /metrics',
      ]) {
        assert.equal(await statusOf(target), 403, target);
      }
      assert.equal((await refusal(server, 'peer-2', { headers: image })).status, 403);
      assert.equal(await statusOf('GET /healthz'), 200);
      assert.equal(await statusOf('GET /readyz'), 200);
      assert.deepEqual(await peer.rest(), []);
    });

    test('see nothing under a name that a stranger can have, where no token is asked for', async (t) => {
      const hosts = async (server, target) => {
        const ask = (host) => request(server, target, { headers: { host } });
        return [(await ask('stranger.example')).status, (await ask('hub.internal')).status];
      };
      const open = await startWatched(t);
      await join(open, 'peer-1');
      assert.deepEqual(await hosts(open, 'GET /mydb_data/clients'), [403, 200]);
      assert.deepEqual(await hosts(open, 'GET /mydb_data/receive?id=peer-1&msg=x'), [403, 404]);
      // Browsers name the page's origin here, and clients may use whatever name the server has.
      assert.deepEqual(await hosts(open, 'POST /mydb_data/send?id=peer-1'), [200, 200]);
      await join(open, 'peer-2', { headers: { host: 'stranger.example' } });
    });

    test('may come where their origin is listed', async (t) => {
      const server = await startWatched(t, { allowedOrigins: ['https://page.example'] });
      await join(server, 'peer-1', { headers: page });
      assert.equal((await request(server, 'GET /mydb_data/clients', { headers: page })).status, 200);
      const other = { origin: 'https://page.example.evil' };
      assert.equal((await refusal(server, 'peer-2', { headers: other })).status, 403);
    });
  });

  test('a peer that does not read is disconnected at its bound, and nobody waits for it', async (t) => {
    const server = await startWatched(t, { maxQueue: 1024 * 1024, maxPayload: 200_000 });
    const sender = await join(server, 'sender');
    const slow = await rawJoin(server, 'slow-1');
    const quick = await join(server, 'quick');
    slow.socket.pause();
    server.on('warning', () => {});
    const left = new Promise((resolve) => server.once('disconnect', (peer, reason) => resolve([peer.id, reason])));
    const heard = [];
    for (let n = 0; n < 200; n++) {
      const text = `${n}:${'x'.repeat(100_000)}`;
      sender.send(text);
      do {
        heard.push(await quick.next());
      } while (heard.at(-1) !== text);
    }
    assert.deepEqual(
      heard.filter((text) => !/^\d+:/.test(text)),
      ['disconnect:slow-1'],
    );
    assert.equal(heard.length, 201);
    assert.deepEqual(await left, ['slow-1', 'slow']);
    slow.socket.destroy();
  });
}
