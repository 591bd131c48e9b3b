'use strict';

// The wire protocol, row by row, as a raw client sees it: one body, run over each transport.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { describe, test } = require('node:test');

const { keepAliveAgent, request } = require('./support/http.js');
const { connect, join, refusal } = require('./support/peer.js');
const { startServer, TRANSPORTS } = require('./support/server.js');

for (const transport of TRANSPORTS) {
  describe(`over ${transport.name}`, { skip: transport.skip }, () =>
    specify((t, config) => startServer(t, { ...transport.config(), ...config })),
  );
}

/** @param {(t: import('node:test').TestContext, config?: object) => Promise<any>} start */
function specify(start) {
  describe('connecting', () => {
    test('the first frame is the welcome, with the payload limit', async (t) => {
      const server = await start(t, { maxPayload: 16384 });
      const peer = await connect(server, 'peer-1');
      assert.equal(await peer.next(), 'welcome:{"maxPayload":16384}');
      assert.deepEqual(await peer.rest(), []);
    });

    test('ids arrive raw or percent-encoded', async (t) => {
      const server = await start(t);
      for (const [written, meant] of [
        ['[master]', '[master]'],
        ['%5Bmaster%5D', '[master]'],
        ['peer%20%C3%A9', 'peer é'],
      ]) {
        const peer = await join(server, written);
        assert.deepEqual(ids(server), [meant]);
        await peer.close();
        await gone(server, meant);
      }
    });

    test('a client of another major version is refused with 409', async (t) => {
      const server = await start(t);
      for (const version of ['2.0.0', '0.9', '10.0.0', '']) {
        assert.deepEqual(await refusal(server, 'peer-1', { version }), {
          status: 409,
          body: `409 Unsupported client IPC version "${version}". Update acebase-ipc-server package`,
        });
      }
      assert.equal((await refusal(server, '', { query: 'id=peer-1' })).status, 409);
    });

    test('other versions of the same major are taken', async (t) => {
      const server = await start(t);
      await join(server, 'peer-1', { version: '1.29.13' });
      await join(server, 'peer-2', { version: '1' });
    });

    test('a client with a missing or short id is refused with 500', async (t) => {
      const server = await start(t);
      for (const query of ['v=1.0.0', 'v=1.0.0&id=', 'v=1.0.0&id=abcd']) {
        const { status, body } = await refusal(server, '', { query });
        assert.equal(status, 500);
        assert.match(body, /^500 Invalid IPC client id/);
      }
      await join(server, 'abcde');
    });

    test('where a token is configured, a client without it is refused with 403', async (t) => {
      const server = await start(t, { token: 'secret' });
      for (const token of ['undefined', '', 'secre', 'secrets', 'SECRET']) {
        assert.deepEqual(await refusal(server, 'peer-1', { token }), { status: 403, body: '403 Unauthorized' });
      }
      await join(server, 'peer-1', { token: 'secret' });
    });

    test('where none is configured, any token will do', async (t) => {
      const server = await start(t);
      await join(server, 'peer-1', { token: 'undefined' });
      await join(server, 'peer-2', { token: 'whatever' });
    });

    test('the others of the database are told who joins and who leaves', async (t) => {
      const server = await start(t);
      const first = await join(server, 'peer-1');
      const stranger = await join(server, 'peer-x', { db: 'otherdb_data' });
      const second = await join(server, 'peer-2');
      assert.equal(await first.next(), 'connect:peer-2');
      await second.close();
      assert.equal(await first.next(), 'disconnect:peer-2');
      assert.deepEqual(await stranger.rest(), []);
    });

    test('a client that connects again replaces its old connection', async (t) => {
      const server = await start(t);
      const other = await join(server, 'peer-1');
      const old = await join(server, 'peer-2');
      await other.next();
      const renewed = await connect(server, 'peer-2');
      assert.match(await renewed.next(), /^welcome:/);
      await old.closed;
      assert.deepEqual(await other.take(2), ['disconnect:peer-2', 'connect:peer-2']);
      assert.deepEqual(ids(server), ['peer-1', 'peer-2']);
      renewed.send('ping');
      assert.equal(await renewed.next(), 'pong');
    });
  });

  describe('frames', () => {
    test('ping is answered to the same client', async (t) => {
      const { a, b } = await trio(await start(t));
      a.send('ping');
      assert.equal(await a.next(), 'pong');
      assert.deepEqual(await b.rest(), []);
    });

    test('to:<id>; is for that peer only', async (t) => {
      const { a, b, c } = await trio(await start(t));
      a.send('to:peer-b;{"text":"a;b"}');
      assert.equal(await b.next(), '{"text":"a;b"}');
      assert.deepEqual([await a.rest(), await c.rest()], [[], []]);
    });

    test('to:all; is for all others', async (t) => {
      const { a, b, c } = await trio(await start(t));
      a.send('to:all;hello');
      assert.deepEqual([await b.next(), await c.next()], ['hello', 'hello']);
      assert.deepEqual(await a.rest(), []);
    });

    test('an unknown addressee is no error', async (t) => {
      const { a, b } = await trio(await start(t));
      a.send('to:nobody;hello');
      a.send('ping');
      assert.equal(await a.next(), 'pong');
      assert.deepEqual(await b.rest(), []);
    });

    test('to: without a semicolon is ignored', async (t) => {
      const { a, b, c } = await trio(await start(t));
      a.send('to:peer-b');
      a.send('to:all;next');
      assert.deepEqual([await b.next(), await c.next()], ['next', 'next']);
    });

    test('any other text goes unchanged to all others of the database', async (t) => {
      const server = await start(t);
      const { a, b, c } = await trio(server);
      const stranger = await join(server, 'peer-x', { db: 'otherdb_data' });
      for (const text of ['{"type":"x","data":"😀 é"}', 'pings', ' to:peer-b;x', 'welcome:no', '']) {
        a.send(text);
        assert.deepEqual([await b.next(), await c.next()], [text, text]);
      }
      assert.deepEqual([await a.rest(), await stranger.rest()], [[], []]);
    });

    test('a binary frame is ignored', async (t) => {
      const { a, b } = await trio(await start(t));
      a.send(Buffer.from('hello'));
      a.send('world');
      assert.equal(await b.next(), 'world');
    });

    test('messages of one sender keep their order', async (t) => {
      const { a, b } = await trio(await start(t));
      const sent = Array.from({ length: 2000 }, (_, n) => `message ${n}`);
      for (const text of sent) {
        a.send(`to:peer-b;${text}`);
      }
      assert.deepEqual(await b.take(sent.length), sent);
    });

    test('a frame of exactly maxPayload UTF-16 units is taken, a longer one closes with 1009', async (t) => {
      const { a, b } = await trio(await start(t, { maxPayload: 100 }));
      const longest = `${'é'.repeat(98)}😀`;
      assert.equal(longest.length, 100);
      a.send(longest);
      assert.equal(await b.next(), longest);
      a.send(`${longest}!`);
      assert.equal((await a.closed).code, 1009);
      assert.equal(await b.next(), 'disconnect:peer-a');
    });

    test('the address counts as part of the frame', async (t) => {
      const { a, b } = await trio(await start(t, { maxPayload: 100 }));
      a.send(`to:peer-b;${'x'.repeat(90)}`);
      assert.equal(await b.next(), 'x'.repeat(90));
      a.send(`to:peer-b;${'x'.repeat(91)}`);
      assert.equal((await a.closed).code, 1009);
    });
  });

  describe('POST /:db/send', () => {
    test('the body is one message of that client', async (t) => {
      const server = await start(t, { maxPayload: 100 });
      const { a, b, c } = await trio(server);
      const large = `{"value":"${'😀é'.repeat(50_000)}"}`;
      const to = await request(server, 'POST /mydb_data/send?id=peer-a&t=undefined', { body: `to:peer-b;${large}` });
      assert.deepEqual([to.status, to.body], [200, 'ok']);
      assert.equal(await b.next(), large);
      await request(server, 'POST /mydb_data/send?id=peer-a&t=undefined', { body: large });
      assert.deepEqual([await b.next(), await c.next()], [large, large]);
      await request(server, 'POST /mydb_data/send?id=peer-a&t=undefined', { body: 'ping' });
      assert.equal(await a.next(), 'pong');
    });

    test('UTF-8 that is split over chunks stays intact', async (t) => {
      const server = await start(t);
      const { b } = await trio(server);
      const text = 'to:peer-b;😀é😀';
      const chunks = [...Buffer.from(text)].map((byte) => Buffer.from([byte]));
      await request(server, 'POST /mydb_data/send?id=peer-a&t=undefined', { chunks });
      assert.equal(await b.next(), '😀é😀');
    });

    test('401 for a client that is not connected, or with the wrong token', async (t) => {
      const server = await start(t, { token: 'secret' });
      const peer = await join(server, 'peer-1', { token: 'secret' });
      const statusOf = async (query) => (await request(server, `POST /mydb_data/send?${query}`, { body: 'x' })).status;
      assert.equal(await statusOf('id=peer-1&t=secret'), 200);
      assert.equal(await statusOf('id=peer-1&t=wrong'), 401);
      assert.equal(await statusOf('id=peer-1'), 401);
      assert.equal(await statusOf('id=peer-2&t=secret'), 401);
      assert.equal(await statusOf('t=secret'), 401);
      assert.deepEqual(await peer.rest(), []);
    });

    test('413 for a body that is too large', async (t) => {
      const server = await start(t, { maxMessageSize: 5000 });
      const { b } = await trio(server);
      const body = 'x'.repeat(5001);
      assert.equal((await request(server, 'POST /mydb_data/send?id=peer-a', { body })).status, 413);
      const chunks = [Buffer.alloc(3000, 120), Buffer.alloc(3000, 120)];
      assert.equal((await request(server, 'POST /mydb_data/send?id=peer-a', { chunks })).status, 413);
      assert.deepEqual(await b.rest(), []);
    });

    test('connections are kept alive, and messages of one connection keep their order', async (t) => {
      const server = await start(t);
      const { b } = await trio(server);
      const agent = keepAliveAgent(server);
      t.after(() => agent.destroy());
      let connections = 0;
      agent.on('free', (socket) => {
        connections += socket.isCounted ? 0 : 1;
        socket.isCounted = true;
      });
      const sent = Array.from({ length: 20 }, (_, n) => `${n}:${'x'.repeat(20_000)}`);
      await Promise.all(sent.map((body) => request(server, 'POST /mydb_data/send?id=peer-a', { body, agent })));
      assert.deepEqual(await b.take(sent.length), sent);
      assert.equal(connections, 1);
    });
  });

  describe('large messages', () => {
    test('are pushed whole', async (t) => {
      const server = await start(t, { maxPayload: 100 });
      const { b, c } = await trio(server);
      const large = 'x'.repeat(5_000_000);
      await request(server, 'POST /mydb_data/send?id=peer-a', { body: large });
      assert.deepEqual([(await b.next()) === large, (await c.next()) === large], [true, true]);
    });

    test('in download mode are announced, and handed out once to each addressee', async (t) => {
      const server = await start(t, { maxPayload: 100, largeMessages: 'download' });
      const { a, b, c } = await trio(server);
      const large = `é${'x'.repeat(1000)}`;
      await request(server, 'POST /mydb_data/send?id=peer-a', { body: large });
      const [, id] = (await b.next()).match(/^get:(.+)$/);
      assert.equal(await c.next(), `get:${id}`);
      const receive = (peer, message = id) => request(server, `GET /mydb_data/receive?id=${peer}&msg=${message}`);
      assert.equal((await receive('peer-b')).body, large);
      assert.equal((await receive('peer-b')).status, 404);
      assert.equal((await receive('peer-c')).body, large);
      assert.equal((await receive('peer-a')).status, 404);
      assert.equal((await receive('peer-b', 'unknown')).status, 404);
      assert.equal((await receive('nobody')).status, 401);
      assert.deepEqual(await a.rest(), []);
    });

    test('in download mode are for their addressee only, and need the token', async (t) => {
      const server = await start(t, { maxPayload: 100, largeMessages: 'download', token: 'secret' });
      const { b } = await trio(server, 'secret');
      const body = `to:peer-b;${'x'.repeat(1000)}`;
      await request(server, 'POST /mydb_data/send?id=peer-a&t=secret', { body });
      const [, id] = (await b.next()).match(/^get:(.+)$/);
      const statusOf = async (query) => (await request(server, `GET /mydb_data/receive?msg=${id}&${query}`)).status;
      assert.equal(await statusOf('id=peer-c&t=secret'), 404);
      assert.equal(await statusOf('id=peer-b&t=wrong'), 401);
      assert.equal(await statusOf('id=peer-b&t=secret'), 200);
    });

    test('in download mode small ones are sent as ever', async (t) => {
      const server = await start(t, { maxPayload: 100, largeMessages: 'download' });
      const { a, b } = await trio(server);
      a.send('x'.repeat(100));
      assert.equal(await b.next(), 'x'.repeat(100));
    });
  });

  describe('GET /:db/clients', () => {
    test('lists the clients of that database', async (t) => {
      const server = await start(t);
      const before = Date.now();
      await trio(server);
      await join(server, 'peer-x', { db: 'otherdb_data' });
      const { status, headers, body } = await request(server, 'GET /mydb_data/clients');
      assert.equal(status, 200);
      assert.match(headers['content-type'], /^application\/json/);
      const clients = JSON.parse(body);
      assert.deepEqual(clients.map(({ id }) => id).sort(), ['peer-a', 'peer-b', 'peer-c']);
      for (const { connected } of clients) {
        assert.ok(connected >= before - 1 && connected <= Date.now() + 1, `${connected}`);
      }
      assert.equal((await request(server, 'GET /nodb_data/clients')).body, '[]');
    });

    test('needs the token where one is configured', async (t) => {
      const server = await start(t, { token: 'secret' });
      const statusOf = async (path, headers) => (await request(server, `GET ${path}`, { headers })).status;
      assert.equal(await statusOf('/mydb_data/clients'), 401);
      assert.equal(await statusOf('/mydb_data/clients?t=wrong'), 401);
      assert.equal(await statusOf('/mydb_data/clients', { authorization: 'Bearer wrong' }), 401);
      assert.equal(await statusOf('/mydb_data/clients?t=secret'), 200);
      assert.equal(await statusOf('/mydb_data/clients', { authorization: 'Bearer secret' }), 200);
    });
  });

  describe('GET /:db/send', () => {
    test('is not allowed', async (t) => {
      const server = await start(t);
      const { b } = await trio(server);
      assert.equal((await request(server, 'GET /mydb_data/send?id=peer-a&msg=hello')).status, 405);
      assert.deepEqual(await b.rest(), []);
    });

    function inDevelopment(t) {
      const before = process.env.NODE_ENV;
      process.env.NODE_ENV = 'development';
      t.after(() => {
        process.env.NODE_ENV = before ?? '';
      });
    }

    test('is not allowed in development either where no token is asked for', async (t) => {
      inDevelopment(t);
      const server = await start(t);
      const { b } = await trio(server);
      assert.equal((await request(server, 'GET /mydb_data/send?id=peer-a&t=undefined&msg=hello')).status, 405);
      assert.deepEqual(await b.rest(), []);
    });

    test('is as POST in development', async (t) => {
      inDevelopment(t);
      const server = await start(t, { token: 'secret' });
      const { b } = await trio(server, 'secret');
      const path = 'GET /mydb_data/send?id=peer-a&t=secret&msg=to:peer-b;hello%20%C3%A9';
      assert.equal((await request(server, path)).status, 200);
      assert.equal(await b.next(), 'hello é');
      assert.equal((await request(server, path.replace('secret', 'wrong'))).status, 401);
    });
  });

  test('other paths are not found', async (t) => {
    const server = await start(t);
    for (const path of ['/nothing', '/mydb_data', '/mydb_data/unknown', '/a/b/clients']) {
      assert.equal((await request(server, `GET ${path}`)).status, 404, path);
    }
  });
}

/** Three clients of one database that have heard of each other. */
async function trio(server, token) {
  const a = await join(server, 'peer-a', { token });
  const b = await join(server, 'peer-b', { token });
  const c = await join(server, 'peer-c', { token });
  await a.take(2);
  await b.take(1);
  return { a, b, c };
}

function ids(server) {
  return server
    .getClients('mydb_data')
    .map(({ id }) => id)
    .sort();
}

async function gone(server, id) {
  while (ids(server).includes(id)) {
    await once(server, 'disconnect');
  }
}
