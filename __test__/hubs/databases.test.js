'use strict';

// Several databases over several hubs: each is where it was asked for first, and the loss of a hub moves its own only.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { within } = require('../cluster/support/wait.js');
const { noRedis, startRedis } = require('../support/redis.js');
const { join } = require('../support/peer.js');
const { give, nextOwner, ownerOf, startHubs } = require('./support/hubs.js');

/** How many databases each hub is asked for. */
const EACH = 4;

/** How long a database may be without service, in milliseconds. */
const SERVICE_LIMIT = 10_000;

/** Databases, each with the hub that is to have it, and a peer at each of two others. */
async function spread(hubs) {
  const databases = [];
  for (const [n, owner] of hubs.entries()) {
    for (let number = 1; number <= EACH; number++) {
      const db = `db-${n + 1}-${number}_data`;
      await give(owner, db);
      const [one, other] = hubs.filter((hub) => hub !== owner);
      const peers = [await join(one, 'one-1', { db }), await join(other, 'other-1', { db })];
      // The first one hears of the second.
      assert.equal(await peers[0].next(), 'connect:other-1');
      databases.push({ db, owner, places: [one, other], peers });
    }
  }
  return databases;
}

/** Waits for a frame; of others' comings and goings it may hear before. */
async function hears(peer, expected) {
  for (;;) {
    const frame = await peer.next();
    if (!/^(dis)?connect:/.test(frame)) {
      return assert.equal(frame, expected);
    }
  }
}

async function assertTalk({ db, peers: [one, other] }) {
  one.send(`to:other-1;of ${db}`);
  await hears(other, `of ${db}`);
  other.send(`to:one-1;${db} as well`);
  await hears(one, `${db} as well`);
}

test('databases are spread over hubs, and know nothing of each other', { skip: noRedis }, async (t) => {
  const redis = await startRedis(t);
  const hubs = await startHubs(t, redis.url);
  const databases = await spread(hubs);
  for (const { db, owner } of databases) {
    assert.equal(await ownerOf(hubs, db), owner.name, db);
  }
  await Promise.all(databases.map(assertTalk));
  for (const { peers } of databases) {
    assert.deepEqual(await Promise.all(peers.map((peer) => peer.rest())), [[], []]);
  }
});

test('the databases of a lost hub go to others, and those of others stay as they are', { skip: noRedis }, async (t) => {
  const redis = await startRedis(t);
  const hubs = await startHubs(t, redis.url);
  const databases = await spread(hubs);
  const [lost, ...rest] = hubs;
  await lost.kill();
  const isMoved = ({ owner }) => owner === lost;
  const isAtLost = ({ places }) => places.includes(lost);
  for (const database of databases.filter(isMoved)) {
    // Their connections were closed; as published clients do, they come back at once, and are held until there is an
    // owner.
    const { db, places } = database;
    await within('the end', SERVICE_LIMIT, Promise.all(database.peers.map(({ closed }) => closed)));
    const come = ([hub, id]) => join(hub, id, { db });
    const back = Promise.all([come([places[0], 'one-1']), come([places[1], 'other-1'])]);
    database.peers = await within(db, SERVICE_LIMIT, back);
    await Promise.all(database.peers.map((peer) => peer.rest()));
    await assertTalk(database);
    await nextOwner(rest, db, lost);
  }
  for (const database of databases.filter((each) => !isMoved(each))) {
    assert.equal(await ownerOf(rest, database.db), database.owner.name);
    // A peer at another hub than the lost one has the same connection as before.
    const [peer] = isAtLost(database) ? database.peers.filter((_, n) => database.places[n] !== lost) : database.peers;
    peer.send('ping');
    await hears(peer, 'pong');
  }
});
