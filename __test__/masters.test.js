'use strict';

// What connections under the master's id meet, frame by frame: one is in, another waits, those that said goodbye are
// let go.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');

const { join, refusal } = require('./support/peer.js');
const { startServer, TRANSPORTS } = require('./support/server.js');

const MASTER = '[master]';
const WORKER = 'l8x0k2vq0000abcdef012345';

/** How long a connection that waits may hear nothing before it is believed that it is kept waiting, in milliseconds. */
const WAITS = 500;

/**
 * When a published client pings that is not answered, with some of its own slowness, in milliseconds: it ends by that.
 */
const PING_AFTER = 8000;

/** A master, as the published client answers: it knows no lock. */
async function joinMaster(server) {
  const master = await join(server, MASTER);
  master.socket.on('message', (data) => {
    const text = data.toString();
    const message = text.startsWith('{') ? JSON.parse(text) : {};
    if (message.type === 'unlock-request') {
      const { id, from: to } = message;
      master.send(
        `to:${to};${JSON.stringify({ type: 'unlock-result', id, ok: false, from: MASTER, to, reason: 'unknown' })}`,
      );
    }
  });
  return master;
}

/** A second one: its handshake is taken, and it is asked for the lock that keeps it from writing. */
async function comeSecond(server) {
  const second = await join(server, MASTER);
  const { type, data } = JSON.parse(await second.next());
  assert.deepEqual([type, data.write], ['lock-request', true]);
  return second;
}

async function hears(peer, pattern) {
  for (;;) {
    const frame = await peer.next();
    if (pattern.test(frame)) {
      return frame;
    }
  }
}

function bye(peer, id) {
  peer.send(JSON.stringify({ type: 'bye', from: id }));
}

for (const { name, skip, config } of TRANSPORTS) {
  describe(`masters over ${name}`, { concurrency: true, skip }, () => {
    test('one that comes second to a living one is told so and closed, and gets no answer when it is back, then 500', async (t) => {
      const errors = [];
      const quiet = () => {};
      const logger = { debug: quiet, info: quiet, warn: quiet, error: (text) => errors.push(text) };
      const server = await startServer(t, { ...config(), logger });
      const warnings = [];
      server.on('warning', ({ code }) => warnings.push(code));
      await joinMaster(server);
      const second = await comeSecond(server);
      const { code, reason } = await second.closed;
      assert.equal(code, 4003);
      assert.match(reason, /alive/);
      assert.match(await second.next(), /role "worker"/);
      const back = Date.now();
      const { status, body } = await refusal(server, MASTER);
      assert.ok(Date.now() - back > PING_AFTER, 'a published client would not end');
      assert.equal(status, 500);
      assert.match(body, /role "worker"/);
      assert.deepEqual(warnings, ['master-contested']);
      assert.equal(errors.length, 1);
      assert.match(errors[0], /Give exactly one process role "master"/);
    });

    test('one that comes second gets the place of the first as soon as that leaves, with what it has said meanwhile', async (t) => {
      const server = await startServer(t, config());
      const worker = await join(server, WORKER);
      const first = await joinMaster(server);
      const second = await comeSecond(server);
      second.send(`to:${WORKER};said while it waited`);
      const lock = {
        type: 'lock-result',
        id: 'hold',
        ok: true,
        from: MASTER,
        to: 'acebase-ipc-server',
        data: {
          id: 7,
          path: '',
          tid: 'acebase-ipc-server',
          write: true,
          comment: 'hold',
          expires: Date.now() + 120_000,
        },
      };
      second.send(`to:acebase-ipc-server;${JSON.stringify(lock)}`);
      await sleep(WAITS);
      await worker.rest();
      await first.close();
      await hears(worker, /said while it waited/);
      assert.match(await hears(second, /unlock-request.*"id":7/), /acebase-ipc-server/);
    });

    test('one that goes away while it waits leaves its turn to the next', async (t) => {
      const server = await startServer(t, config());
      const worker = await join(server, WORKER);
      const first = await joinMaster(server);
      const second = await comeSecond(server);
      const third = await comeSecond(server);
      second.socket.terminate();
      await sleep(WAITS);
      await first.close();
      third.send(`to:${WORKER};the third is in`);
      await hears(worker, /the third is in/);
    });

    test('one that does not answer is replaced', async (t) => {
      const server = await startServer(t, config());
      const silent = await join(server, MASTER);
      const second = await comeSecond(server);
      assert.notEqual((await silent.closed).code, 1000);
      second.send('to:all;anything');
      assert.deepEqual(
        server.getClients('mydb_data').map((client) => client.id),
        [MASTER],
      );
    });

    test('whoever waits when the server stops is told so', async (t) => {
      const server = await startServer(t, config());
      await joinMaster(server);
      const second = await comeSecond(server);
      await server.stop();
      assert.equal((await second.closed).code, 1001);
    });

    test('more than are wanted are refused at once', async (t) => {
      const server = await startServer(t, config());
      await joinMaster(server);
      for (let n = 0; n < 16; n++) {
        await comeSecond(server);
      }
      assert.equal((await refusal(server, MASTER)).status, 500);
    });

    test('who has said goodbye is closed with 1000 when it has told the rest', async (t) => {
      const server = await startServer(t, config());
      const worker = await join(server, WORKER);
      const master = await joinMaster(server);
      bye(worker, WORKER);
      await sleep(WAITS / 2);
      worker.send(`to:${MASTER};{"type":"event","from":"${WORKER}","data":{"path":"a"},"last":true}`);
      assert.equal((await worker.closed).code, 1000);
      await hears(master, /"last":true/);
      await hears(master, new RegExp(`disconnect:${WORKER}`));
      bye(master, MASTER);
      assert.equal((await master.closed).code, 1000);
    });
  });
}
