'use strict';

// The script that runs a hub closes clients, whichever hub has their database.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { until } = require('../cluster/support/wait.js');
const { connect, join } = require('../support/peer.js');
const { freePort } = require('../support/port.js');
const { noRedis, startRedis } = require('../support/redis.js');
const { startServer } = require('../support/server.js');
const { give, SECRET, startHubs } = require('./support/hubs.js');

const DB = 'mydb_data';

/** How long a hub may take to hear something of another one, in milliseconds. */
const NOTICE_LIMIT = 20_000;

/** A hub in this process. */
async function startOwn(t, engine) {
  const port = await freePort();
  return startServer(t, { port, cluster: { engine, advertise: `127.0.0.1:${port}`, name: 'own', secret: SECRET } });
}

function clientOf(server, id) {
  return until(id, NOTICE_LIMIT, () => server.getClients(DB).find((client) => client.id === id));
}

test('a client that is relayed is closed by the hub that has its database, and nobody else', {
  skip: noRedis,
}, async (t) => {
  const redis = await startRedis(t);
  const [owner] = await startHubs(t, redis.url, { count: 1 });
  await give(owner, DB);
  const own = await startOwn(t, redis.url);
  const peer = await join(own, 'peer-1');
  const other = await join(own, 'peer-2');
  const client = await clientOf(own, 'peer-1');
  assert.equal(client.via, owner.name);
  client.close();
  assert.equal((await peer.closed).code, 1000);
  assert.equal(await other.next(), 'disconnect:peer-1');
  await until('its end', NOTICE_LIMIT, () => own.getClients(DB).length === 1);
  // It has left already.
  client.close();
  other.send('ping');
  assert.equal(await other.next(), 'pong');
});

test('of a client that cannot be closed, for its hub is gone, a warning tells', { skip: noRedis }, async (t) => {
  const redis = await startRedis(t);
  const [owner] = await startHubs(t, redis.url, { count: 1 });
  await give(owner, DB);
  const own = await startOwn(t, redis.url);
  const warnings = [];
  own.on('warning', ({ code, message }) => warnings.push(`${code}: ${message}`));
  await join(own, 'peer-1');
  await redis.kill();
  await owner.kill();
  // It is back, and held.
  await connect(own, 'peer-1');
  const client = await clientOf(own, 'peer-1');
  client.close();
  const told = /^client-not-closed: Client peer-1 of database "mydb_data".*could not be closed: (The|No) hub/;
  await until('the warning', NOTICE_LIMIT, () => warnings.some((warning) => told.test(warning)));
});
