'use strict';

// What a server's owner does with its clients: looks at them, counts them, speaks to them, and closes them.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { join } = require('./support/peer.js');
const { startServer } = require('./support/server.js');

test('getClients lists those of one database', async (t) => {
  const server = await startServer(t);
  await join(server, 'peer-1');
  await join(server, 'peer-2', { db: 'otherdb_data' });
  const [client, ...others] = server.getClients('mydb_data');
  assert.deepEqual([client.id, client.dbname, others.length], ['peer-1', 'mydb_data', 0]);
  assert.ok(Math.abs(Date.now() - client.connected) < 5000);
  assert.deepEqual(server.getClients('nodb_data'), []);
});

test('sendMessage sends strings as they are, all else as JSON, to that client alone', async (t) => {
  const server = await startServer(t);
  const [a, b] = [await join(server, 'peer-1'), await join(server, 'peer-2')];
  await a.next();
  const client = server.getClients('mydb_data').find(({ id }) => id === 'peer-1');
  await client.sendMessage('héllo');
  await client.sendMessage({ type: 'event', data: ['😀'] });
  assert.deepEqual(await a.take(2), ['héllo', '{"type":"event","data":["😀"]}']);
  assert.deepEqual(await b.rest(), []);
  await assert.rejects(client.sendMessage(undefined), TypeError);
  await a.close();
  await b.next();
  await assert.rejects(client.sendMessage('too late'), { code: 'ERR_IPC_CLIENT_GONE' });
});

test('close closes that client', async (t) => {
  const server = await startServer(t);
  const [a, b] = [await join(server, 'peer-1'), await join(server, 'peer-2')];
  await a.next();
  const client = server.getClients('mydb_data').find(({ id }) => id === 'peer-1');
  client.close();
  await a.closed;
  assert.equal(await b.next(), 'disconnect:peer-1');
  client.close();
});

test('status counts what each database has', async (t) => {
  const server = await startServer(t);
  await join(server, 'peer-1');
  await join(server, '[master]');
  const [database] = server.status().databases;
  assert.equal(database.name, 'mydb_data');
  assert.deepEqual(database.peers.map(({ id }) => id).sort(), ['[master]', 'peer-1']);
  assert.deepEqual([database.masterPresent, database.heldRequests, database.locks], [true, 0, []]);
  assert.deepEqual([database.peersLeftOut, database.locksLeftOut], [0, 0]);
});
