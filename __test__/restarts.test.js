'use strict';

// The judges of restarts under load (cluster/support/restarts): what they must find, and what they must let pass.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const net = require('node:net');
const { describe, test } = require('node:test');

const { watchRestart } = require('./cluster/support/restarts/absence.js');
const { judgeEvents } = require('./cluster/support/restarts/events.js');
const { Connections } = require('./cluster/support/restarts/sockets.js');
const { judge, ROUGH, SEAMLESS } = require('./cluster/support/restarts/variants.js');
const { sleep } = require('./cluster/support/wait.js');
const { noProc } = require('./support/platform.js');

/** Figures of a trial in which all was well. */
const GOOD = {
  restarts: [{ from: 0, absence: 300, recovery: 10, reconnections: 0, longest: 400 }],
  confirmed: 1000,
  hung: 0,
  unanswered: 0,
  rejections: [],
  reconnections: 0,
  ends: [],
  events: { expected: 3000, lost: 0, doubled: 0 },
  damage: undefined,
  missing: 0,
  stalls: 0,
};

/** What the published client says of what it does to itself. */
const OWN = 'Error: WebSocket is not open: readyState 0 (CONNECTING)';

const named = (name) => [...SEAMLESS, ...ROUGH].find((variant) => variant.name === name);

function faultsOf(name, figures) {
  return judge(named(name), { ...GOOD, ...figures });
}

describe('what is promised of a restart', () => {
  for (const { name } of [...SEAMLESS, ...ROUGH]) {
    test(`${name}: nothing is wrong where all was well, and a lost write, damage or no load at all is`, () => {
      assert.deepEqual(faultsOf(name), []);
      assert.equal(faultsOf(name, { damage: 'CORRUPT RECORD' }).length, 1);
      assert.equal(faultsOf(name, { missing: 1 }).length, 1);
      assert.equal(faultsOf(name, { confirmed: 3 }).length, 1);
    });
  }

  for (const { name } of SEAMLESS) {
    test(`${name}: each thing that anybody notices is wrong`, () => {
      for (const figures of [
        { hung: 1 },
        { rejections: [OWN] },
        { reconnections: 1 },
        { ends: [OWN] },
        { events: { expected: 3000, lost: 1, doubled: 0 } },
        { events: { expected: 3000, lost: 0, doubled: 1 } },
        { restarts: [{ ...GOOD.restarts[0], longest: 1400 }] },
      ]) {
        assert.equal(faultsOf(name, figures).length, 1, JSON.stringify(figures));
      }
    });
  }

  test('of a killed hub, only what the client does to itself is forgiven, and one stall in twenty', () => {
    assert.deepEqual(faultsOf('kill', { reconnections: 4, hung: 3, ends: [OWN], rejections: [OWN] }), []);
    assert.equal(faultsOf('kill', { stalls: 1 }).length, 1);
    const restarts = Array(20).fill(GOOD.restarts[0]);
    assert.deepEqual(faultsOf('kill', { stalls: 1, restarts }), []);
    assert.equal(faultsOf('kill', { ends: ['refused'] }).length, 1);
  });
});

/** A process that wrote these keys and got the events of these paths. */
function writer(place, confirmed, paths, isAlive = true) {
  const events = paths.map((path) => ({ path }));
  return { place, report: { confirmed }, isAlive, child: { callWithin: async () => events } };
}

describe('events of others', { concurrency: true }, () => {
  test('that came once each', async () => {
    const first = [writer('a', ['1', '2'], ['load/b/1']), writer('b', ['1'], ['load/a/2', 'load/a/1'])];
    assert.deepEqual(await judgeEvents({ first }), { expected: 3, lost: 0, doubled: 0 });
  });

  test('that came never, or twice', async () => {
    const first = [writer('a', ['1', '2'], []), writer('b', ['1'], ['load/a/2', 'load/a/1', 'load/a/1'])];
    assert.deepEqual(await judgeEvents({ first }), { expected: 3, lost: 1, doubled: 1 });
  });

  test('of processes that have ended, which may be lost', async () => {
    const first = [writer('a', ['1'], [], false), writer('b', ['1'], [])];
    assert.deepEqual(await judgeEvents({ first }), { expected: 0, lost: 0, doubled: 0 });
  });
});

test('a hub is away from its last answer to its next one', async () => {
  const answering = () => http.createServer((_, response) => response.end('[]'));
  let server = answering().listen(0, 'localhost');
  await once(server, 'listening');
  const { port } = server.address();
  const { absence } = await watchRestart({
    port,
    isTls: false,
    async restart() {
      await sleep(200);
      await new Promise((resolve) => server.close(resolve));
      await sleep(500);
      server = answering().listen(port, 'localhost');
      await once(server, 'listening');
    },
  });
  await new Promise((resolve) => server.close(resolve));
  assert.ok(absence >= 480 && absence < 1500, `${absence} ms`);
});

test('a connection is lost when it is another one afterwards', { skip: noProc }, async () => {
  const server = net.createServer((socket) => socket.resume()).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  const open = async () => {
    const socket = net.connect(port, '127.0.0.1');
    await once(socket, 'connect');
    return socket;
  };
  const staying = await open();
  const leaving = await open();
  const connections = new Connections([{ child: { pid: process.pid } }], port);
  connections.look();
  assert.equal(connections.lost.size, 0);
  leaving.end();
  await once(leaving, 'close');
  const next = await open();
  connections.look();
  connections.look();
  assert.equal(connections.lost.size, 1);
  staying.destroy();
  next.destroy();
  server.close();
});
