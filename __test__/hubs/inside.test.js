'use strict';

// What hubs say to each other, and that nobody else can say it: the secret, and requests that are made up.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { until } = require('../cluster/support/wait.js');
const { noRedis, startRedis } = require('../support/redis.js');
const { getsIn, join } = require('../support/peer.js');
const { credentials } = require('./support/credentials.js');
const { give, SECRET, startHubs } = require('./support/hubs.js');

const DB = 'mydb_data';
const CLIENTS = `GET /${DB}/clients`;
const TOKEN = 'a-token-of-these-clients';

/** How long a hub may take until it says what is wrong, in milliseconds. */
const SAYS_LIMIT = 10_000;

/** Longer than two clocks may be apart, in milliseconds. */
const TOO_OLD = 60_000;

async function startTwo(t, settings) {
  const redis = await startRedis(t);
  const [owner, relay] = await startHubs(t, redis.url, { count: 2, ...settings });
  await give(owner, DB);
  return { owner, relay };
}

test('who knows the secret is believed, once; others are not, nor is what is old', { skip: noRedis }, async (t) => {
  const { owner } = await startTwo(t, { options: [`token=${TOKEN}`], token: TOKEN });
  const good = credentials(CLIENTS, { secret: SECRET });
  assert.equal((await owner.ask(CLIENTS, { headers: good })).status, 200);
  for (const headers of [
    good,
    credentials(CLIENTS, { secret: 'another secret' }),
    credentials('GET /other_data/clients', { secret: SECRET }),
    credentials(CLIENTS, { secret: SECRET, at: Date.now() - TOO_OLD }),
    { 'x-acebase-hub': 'nonsense' },
  ]) {
    const { status, body } = await owner.ask(CLIENTS, { headers });
    assert.ok(status === 401 || status === 403, `${status} ${body}`);
  }
});

test('a relayed request is not relayed again: who is not the owner says 421', { skip: noRedis }, async (t) => {
  const { relay } = await startTwo(t);
  const { status } = await relay.ask(CLIENTS, { headers: credentials(CLIENTS, { secret: SECRET }) });
  assert.equal(status, 421);
});

test('the token is asked for where the client comes, and goes no further', { skip: noRedis }, async (t) => {
  const redis = await startRedis(t);
  // The owner's token is another one: it is not the owner that lets clients of other hubs in.
  const tokens = { 1: 'the-token-of-the-owner', 2: TOKEN };
  const placeOf = (number) => ({ env: { TOKEN: tokens[number] }, token: tokens[number] });
  const [owner, relay] = await startHubs(t, redis.url, { count: 2, placeOf });
  await give(owner, DB);
  assert.equal(await getsIn(relay, 'peer-1', { token: 'wrong' }), false);
  const one = await join(relay, 'peer-1', { token: TOKEN });
  const other = await join(owner, 'peer-2', { token: tokens[1] });
  assert.equal(await one.next(), 'connect:peer-2');
  other.send('to:peer-1;hello');
  assert.equal(await one.next(), 'hello');
});

test('a hub with another secret says what is wrong, as does the one that it asks', { skip: noRedis }, async (t) => {
  const redis = await startRedis(t);
  const placeOf = (number) => (number === 2 ? { env: { CLUSTER_SECRET: 'the secret of another cluster' } } : {});
  const [owner, stranger] = await startHubs(t, redis.url, { count: 2, placeOf });
  await give(owner, DB);
  const peer = getsIn(stranger, 'peer-1').catch(() => false);
  for (const hub of [owner, stranger]) {
    await until(`${hub.name} to say it`, SAYS_LIMIT, () => /secret/.test(hub.words));
  }
  await peer;
});
