'use strict';

// What is said at start of names and tokens is what happens: each odd one is sent to a real server in the way of the
// published clients, which connect with a parsed URL and POST to a raw path.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const http = require('node:http');
const { test } = require('node:test');

const { WebSocket } = require('ws');

const { AceBaseIPCServer } = require('..');
const { connectedName, connectedToken, isNamePosted, isTokenPosted } = require('../lib/config/as-sent.js');
const { quietly, startServer } = require('./support/server.js');

const ASCII = Array.from({ length: 0x80 }, (_, code) => String.fromCharCode(code));
const CHARACTERS = [...ASCII, '\u0085', '\u00a0', 'é', 'ÿ', 'Ā', '漢', '😀'];
const SEQUENCES = ['%41', '%4', '%ff', '%2e', '%%', '..', '&t=', '+'];

/** Connects as the published client does: `undefined` if it cannot. */
async function connect(server, db, token) {
  try {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/${db}/connect?v=1.0.0&id=peer-1&t=${token}`);
    await once(socket, 'open');
    return socket;
  } catch {
    return undefined;
  }
}

/** Sends a long message as the published client does: the status, or `undefined` if the client ends by it. */
function post(server, db, token) {
  return new Promise((resolve) => {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': 5 };
    const path = `/${db}/send?id=peer-1&t=${token}`;
    try {
      const options = { hostname: '127.0.0.1', port: server.port, path, method: 'POST', headers };
      const request = http.request(options, (response) => resolve(response.resume().statusCode));
      request.on('error', () => resolve(undefined));
      request.write('hello');
      request.end();
    } catch {
      resolve(undefined);
    }
  });
}

test('tokens: those that arrive whole, and those that can be posted', async (t) => {
  const tokens = [...CHARACTERS, ...SEQUENCES].flatMap((odd) => [`a${odd}z`, `a${odd}`, `${odd}z`]);
  // A token that arrives as another one must not be taken for that one.
  const wholes = tokens.filter((token) => connectedToken(token) === token);
  const server = new AceBaseIPCServer({ host: '127.0.0.1', port: 0, tokens }).on('warning', () => {});
  t.after(() => server.stop());
  await quietly(t, () => server.start());
  assert.ok(wholes.length > 200 && wholes.length < tokens.length);
  for (const token of tokens) {
    const socket = await connect(server, 'mydb_data', token);
    const arrived = connectedToken(token);
    assert.equal(socket !== undefined, tokens.includes(arrived), JSON.stringify(token));
    if (socket && arrived === token) {
      assert.equal(
        (await post(server, 'mydb_data', token)) === 200,
        isTokenPosted(token),
        `POST ${JSON.stringify(token)}`,
      );
    }
    socket?.terminate();
  }
});

test('names: under which one clients connect, and whether their POST finds the same', async (t) => {
  const odd = [...CHARACTERS, ...SEQUENCES].flatMap((piece) => [`a${piece}z`, `${piece}z`]);
  const paths = [
    '../x',
    './x',
    'x/../y',
    '../../x',
    '.\\x',
    '..\\x',
    '%2e%2e/x',
    '.%2E/x',
    'a/b',
    '/x',
    'x//y',
    'x/..',
    '.',
  ];
  const server = await startServer(t);
  for (const name of [...odd, ...paths].map((start) => `${start}_data`)) {
    const joined = new Promise((resolve) => server.once('connect', (client) => resolve(client.dbname)));
    const socket = await connect(server, name, 'undefined');
    assert.equal(socket && (await joined), connectedName(name), JSON.stringify(name));
    if (socket) {
      assert.equal((await post(server, name, 'undefined')) === 200, isNamePosted(name), `POST ${JSON.stringify(name)}`);
      socket.terminate();
    }
  }
});
