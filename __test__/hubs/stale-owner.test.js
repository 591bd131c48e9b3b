'use strict';

// An owner that stood still until another hub had its database grants nothing when it goes on: not even what lay in its
// own buffers, read before it could look at the clock.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { ID } = require('acebase');

const { sleep, within } = require('../cluster/support/wait.js');
const { noRedis, startRedis } = require('../support/redis.js');
const { join } = require('../support/peer.js');
const { give, nextOwner, startHubs } = require('./support/hubs.js');

const DB = 'mydb_data';
const MASTER = '[master]';
const HOLDER = 'holder00000000000000000a';
const WAITER = 'waiter00000000000000000a';

/** What the holder has, and the waiter wants. */
const LOCK = { id: 7, path: 'a', write: true, comment: 'set', expires: 4_102_444_800_000 };

/** How long the owner stands still, in milliseconds: two leases. */
const STANDSTILL = 6000;

/** How long it may take until it has closed its connections, in milliseconds. */
const CLOSE_LIMIT = 5000;

/** Ids that are so far apart, in milliseconds, differ in their time. */
const TICK = 5;

/** How long something may take to be in the buffers of a hub that does not read, in milliseconds. */
const ON_ITS_WAY = 200;

function ask(peer, from, type, data, id = ID.generate()) {
  peer.send(`to:${MASTER};${JSON.stringify({ type, id, from, to: MASTER, data })}`);
}

/**
 * Asks for a lock of a transaction that has begun after this request was made, as far as ids tell: it is sure to have
 * no lock from before.
 */
async function askForLock(peer, from) {
  const id = ID.generate();
  await sleep(TICK);
  const tid = ID.generate();
  ask(peer, from, 'lock-request', { ...LOCK, tid }, id);
  return { id, tid };
}

async function hears(peer, type) {
  for (;;) {
    const frame = await peer.next();
    if (frame.includes(`"type":"${type}"`)) {
      return JSON.parse(frame.slice(frame.indexOf('{')));
    }
  }
}

/** A lock that is held by one worker, and waited for by another one, whose hub has the database. */
async function startWithLock(t) {
  const redis = await startRedis(t);
  // A lock could be passed on for as long as this test lasts.
  const hubs = await startHubs(t, redis.url, { options: ['pass_locks_for=600000'] });
  await give(hubs[0], DB);
  const master = await join(hubs[1], MASTER);
  const holder = await join(hubs[2], HOLDER);
  const waiter = await join(hubs[0], WAITER);
  const { id, tid } = await askForLock(holder, HOLDER);
  await hears(master, 'lock-request');
  const grant = { type: 'lock-result', id, from: MASTER, to: HOLDER, ok: true, data: { ...LOCK, tid } };
  master.send(`to:${HOLDER};${JSON.stringify(grant)}`);
  await hears(holder, 'lock-result');
  const waiting = await askForLock(waiter, WAITER);
  await sleep(ON_ITS_WAY);
  return { hubs, holder, waiter, waiting };
}

test('without a fault the lock is passed on, by the hub alone', { skip: noRedis }, async (t) => {
  const { holder, waiter, waiting } = await startWithLock(t);
  ask(holder, HOLDER, 'unlock-request', { id: LOCK.id });
  const { ok, data } = await hears(waiter, 'lock-result');
  assert.deepEqual([ok, data.id, data.tid], [true, LOCK.id, waiting.tid]);
});

test('a release that an owner finds when it goes on lets nobody have the lock', { skip: noRedis }, async (t) => {
  const { hubs, holder, waiter } = await startWithLock(t);
  await hubs[0].pause();
  ask(holder, HOLDER, 'unlock-request', { id: LOCK.id });
  await sleep(STANDSTILL);
  await nextOwner(hubs.slice(1), DB, hubs[0]);
  hubs[0].resume();
  await within('the end of its connections', CLOSE_LIMIT, waiter.closed);
  const grants = (await waiter.rest()).filter((frame) => /"lock-result".*"ok":true/.test(frame));
  assert.deepEqual(grants, []);
});
