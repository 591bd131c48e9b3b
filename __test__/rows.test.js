'use strict';

// What the server says of itself: in its own process and over HTTP in the same rows, which index.d.ts describes.

const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { until } = require('./cluster/support/wait.js');
const { request } = require('./support/http.js');
const { join } = require('./support/peer.js');
const { ROOT } = require('./support/process.js');
const { startServer } = require('./support/server.js');

const MASTER = '[master]';

/** How long the server may take to hear of a lock, in milliseconds. */
const PATIENCE = 5000;

/** A server with a master, which has granted one worker a lock that another one waits for. */
async function startWithLocks(t) {
  const server = await startServer(t, { masterWarmUp: 0, introductions: false });
  const master = await join(server, MASTER);
  const [holder, waiter] = [await join(server, 'holder'), await join(server, 'waiter')];
  const ask = (peer, id) => {
    const data = { path: 'shop/stock', write: true, tid: id, comment: 'set' };
    peer.send(`to:${MASTER};${JSON.stringify({ type: 'lock-request', id: `of ${id}`, from: id, to: MASTER, data })}`);
  };
  ask(holder, 'holder');
  await until('the lock', PATIENCE, () => server.locks('mydb_data').length === 1);
  const data = { id: 7, path: 'shop/stock', write: true, tid: 'holder', comment: 'set', expires: 4_102_444_800_000 };
  const grant = { type: 'lock-result', id: 'of holder', from: MASTER, to: 'holder', ok: true, data };
  master.send(`to:holder;${JSON.stringify(grant)}`);
  await until('the lock', PATIENCE, () => server.locks('mydb_data')[0].state === 'held');
  ask(waiter, 'waiter');
  await until('the lock', PATIENCE, () => server.locks('mydb_data').length === 2);
  return server;
}

/** With the figures that grow between two looks taken off. */
function still(rows) {
  return JSON.parse(
    JSON.stringify(rows, (name, value) =>
      /^(now|uptimeMs|ageMs|heardMs|rttMicros)$/.test(name) ? typeof value : value,
    ),
  );
}

test('status() and locks() give the rows of /status.json', async (t) => {
  const server = await startWithLocks(t);
  const { server: itself, troubles, databases } = JSON.parse((await request(server, 'GET /status.json')).body);
  assert.deepEqual(still(server.status()), still({ server: itself, troubles, databases }));
  assert.deepEqual(still(server.locks('mydb_data')), still(databases[0].locks));
  const [held, waiting] = server.locks('mydb_data');
  assert.deepEqual([held.state, held.id, held.expiresAt], ['held', 7, 4_102_444_800_000]);
  assert.deepEqual([waiting.state, waiting.id, waiting.waitsForCount], ['waiting', null, 1]);
  assert.deepEqual(waiting.waitsFor, [{ id: 7, peer: 'holder', path: 'shop/stock' }]);
  assert.deepEqual(server.locks('unknown'), []);
});

/** The members of an interface of index.d.ts. */
function membersOf(name) {
  const declarations = readFileSync(path.join(ROOT, 'index.d.ts'), 'utf8');
  const [, body] = declarations.match(new RegExp(`\\nexport interface ${name} \\{\\n(.*?)\\n\\}\\n`, 's'));
  return [...body.matchAll(/^ {2}(\w+): /gm)].map(([, member]) => member);
}

test('index.d.ts has every member of every row', async (t) => {
  const status = (await startWithLocks(t)).status();
  const [database] = status.databases;
  const [peer] = database.peers;
  const [held, waiting] = database.locks;
  for (const [name, row] of Object.entries({
    AceBaseIPCStatus: status,
    AceBaseIPCServerStatus: status.server,
    AceBaseIPCDatabaseStatus: database,
    AceBaseIPCPeerStatus: peer,
    AceBaseIPCTraffic: peer.sent,
    AceBaseIPCLock: held,
    AceBaseIPCBlocker: waiting.waitsFor[0],
    AceBaseIPCHistogram: database.lockWaits,
  })) {
    assert.deepEqual(membersOf(name), Object.keys(row), name);
  }
});
