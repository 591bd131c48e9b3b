'use strict';

// What an operator asks of a hub that has not got the database: its owner does it, or it is said why not.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { noRedis, startRedis } = require('../support/redis.js');
const { join } = require('../support/peer.js');
const { give, startHubs } = require('./support/hubs.js');
const { trace } = require('./support/trace.js');

const DB = 'mydb_data';

test('any hub ends a client’s session and traces, and says which owner gives no answer', {
  skip: noRedis,
}, async (t) => {
  const redis = await startRedis(t);
  const [owner, relay] = await startHubs(t, redis.url, { count: 2 });
  await give(owner, DB);
  const peer = await join(owner, 'peer-1', { db: DB });
  assert.equal((await relay.ask(`POST /trace?db=${DB}`)).body, '{"messages":[],"leftOut":0}');
  assert.equal((await relay.ask(`POST /kick?db=${DB}&client=nobody`)).status, 404);
  assert.equal((await relay.ask(`POST /kick?db=${DB}&client=peer-1`)).body, 'kicked');
  assert.equal((await peer.closed).code, 1000);
  await redis.kill();
  await owner.kill();
  const { status, body } = await relay.ask(`POST /kick?db=${DB}&client=peer-1`);
  assert.deepEqual([status, body.includes(`${owner.name} at ${owner.address}`)], [503, true], body);
});

test('a hub that has not got the database tells what is said there, whoever by', { skip: noRedis }, async (t) => {
  const redis = await startRedis(t);
  const [owner, relay] = await startHubs(t, redis.url, { count: 2 });
  await give(owner, DB);
  const peers = { owner: await join(owner, 'peer-1', { db: DB }), relay: await join(relay, 'peer-2', { db: DB }) };
  for (const [name, peer] of Object.entries(peers)) {
    const to = name === 'owner' ? 'peer-2' : 'peer-1';
    for (const hub of [relay, owner]) {
      const texts = await trace(hub, { db: DB }, () => peer.send(`to:${to};said at the ${name} to ${hub.name}`));
      assert.ok(
        texts.some((text) => text.includes(`said at the ${name}`)),
        texts.join(),
      );
    }
  }
});
