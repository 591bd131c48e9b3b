'use strict';

// Which requests may not go on: those of transactions that have outlived a lock, where that is sure.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { HeldLocks, MAX_HELD } = require('../../lib/client/held-locks.js');
const { Transactions } = require('../../lib/client/transactions.js');

/** How long a lock lasts, in milliseconds. */
const LASTS = 1000;

/** What the clock of the master shows at time 0. */
const EPOCH = 1_000_000;

/** A process, its requests, and the time. */
class World {
  transactions = new Transactions(LASTS);
  now = 0;
  #lastRequest = 0;
  #lastLock = 0;

  ask(type, data) {
    const id = `request-${++this.#lastRequest}`;
    this.transactions.ask({ id, type, data }, this.now);
    return id;
  }

  askForLock(tid) {
    return this.ask('lock-request', { tid, path: 'a/b' });
  }

  askForSpace() {
    return this.ask('request', { type: 'fst.allocate', records: 1 });
  }

  isRefused(id) {
    return this.transactions.isRefused(id, this.now);
  }

  /** Answers a request for a lock. @returns {number} The lock's number. */
  grant(id, { tid, write = true, expires = EPOCH + this.now + LASTS, number = ++this.#lastLock }, life) {
    const data = { id: number, tid, path: 'a/b', write, expires };
    this.haveOthersLost = this.transactions.granted({ id, data }, life, this.now, EPOCH + this.now);
    this.transactions.settle(id);
    return number;
  }

  /** A transaction gets a lock at once. */
  lock(tid, settings) {
    return this.grant(this.askForLock(tid), { tid, ...settings });
  }
}

test('a request for a lock is refused from the end of the first lock of its transaction until that is returned', () => {
  const world = new World();
  const first = world.lock('t');
  world.now = 500;
  world.lock('t');
  const request = world.askForLock('t');
  world.now = LASTS - 1;
  assert.ok(!world.isRefused(request));
  world.now = LASTS;
  assert.ok(world.isRefused(request));
  assert.ok(!world.isRefused(world.askForLock('another')));
  assert.deepEqual(world.transactions.refused(world.now), [request]);
  world.transactions.returned(first);
  assert.ok(!world.isRefused(request));
});

test('a request to move a lock is refused with its transaction', () => {
  const world = new World();
  const number = world.lock('t');
  const move = world.ask('move-lock-request', { id: number, move_to: 'parent' });
  world.now = LASTS;
  assert.ok(world.isRefused(move));
});

test('a lock that is moved takes the place of the former one', () => {
  const world = new World();
  const number = world.lock('t');
  world.now = 600;
  const move = world.ask('move-lock-request', { id: number, move_to: 'parent' });
  world.grant(move, { tid: 't' });
  world.now = LASTS;
  assert.ok(!world.isRefused(world.askForLock('t')));
  assert.equal(world.transactions.locks.length, 1);
});

test('space is refused where all have outlived their locks that could write when it was asked for', () => {
  const world = new World();
  world.lock('reader', { write: false });
  world.transactions.returned(1);
  world.lock('t');
  const request = world.askForSpace();
  world.now = 500;
  // One that begins later has not asked for it, and shows that the first one may not write any more.
  world.lock('late');
  assert.ok(world.haveOthersLost);
  assert.ok(world.isRefused(request));
  assert.ok(!world.isRefused(world.askForSpace()), 'it may be of the second one');
});

test('space is not refused while the transaction has another lock that counts', () => {
  const world = new World();
  world.lock('t');
  world.now = 500;
  world.lock('t');
  const request = world.askForSpace();
  world.now = LASTS;
  assert.ok(!world.isRefused(request));
  world.now = 500 + LASTS;
  assert.ok(world.isRefused(request));
});

test('space is not refused where no lock is known, or those that were have been returned', () => {
  const world = new World();
  assert.ok(!world.isRefused(world.askForSpace()));
  const number = world.lock('t');
  const request = world.askForSpace();
  world.now = LASTS;
  world.transactions.returned(number);
  assert.ok(!world.isRefused(request));
});

test('a lock that is granted ends those of other transactions that exclude it, and no others', () => {
  const world = new World();
  world.lock('reader', { write: false });
  world.lock('another reader', { write: false });
  assert.ok(!world.haveOthersLost);
  const [one, another] = [world.askForLock('reader'), world.askForLock('another reader')];
  world.lock('writer');
  assert.ok(world.haveOthersLost);
  assert.deepEqual(world.transactions.refused(world.now), [one, another]);
  world.lock('writer', { write: false });
  assert.ok(!world.haveOthersLost);
  world.lock('late reader', { write: false });
  assert.ok(world.haveOthersLost && world.isRefused(world.askForLock('writer')));
});

test('a lock that comes when it has ended was under way for so long, or tells of clocks that differ', () => {
  const world = new World();
  const message = (id) => ({ id, data: { id: 7, tid: 't', path: '', write: true, expires: EPOCH + LASTS } });
  const request = world.askForLock('t');
  world.now = LASTS + 1;
  const isOver = (id) => world.transactions.isOverAlready(message(id), world.now, EPOCH + world.now);
  assert.ok(isOver(request));
  const another = world.askForLock('t');
  world.now += LASTS - 1;
  assert.ok(!isOver(another));
  world.grant(another, { tid: 't', expires: EPOCH });
  world.now += 100 * LASTS;
  assert.ok(!world.isRefused(world.askForLock('t')), 'nothing is known of its end');
  assert.equal(world.transactions.nextEnd, Number.POSITIVE_INFINITY);
});

test('the locks that count are told of, and by whom they were granted', () => {
  const world = new World();
  world.grant(world.askForLock('t'), { tid: 't' }, 'life');
  const [{ isOver, ends, ...lock }] = world.transactions.locks;
  const expected = {
    id: 1,
    tid: 't',
    path: 'a/b',
    write: true,
    expires: EPOCH + LASTS,
    comment: undefined,
    by: 'life',
  };
  assert.deepEqual(lock, expected);
  world.transactions.isRefused('any', LASTS);
  assert.deepEqual(world.transactions.locks, []);
});

test('of two locks with one number the older one is returned first, and whose a request is, is not known', () => {
  const world = new World();
  world.lock('t', { number: 7, write: false });
  world.now = 500;
  world.lock('u', { number: 7, write: false });
  const move = world.ask('move-lock-request', { id: 7, move_to: 'parent' });
  world.now = LASTS;
  assert.ok(!world.isRefused(move));
  world.transactions.returned(7);
  assert.deepEqual(
    world.transactions.locks.map(({ tid }) => tid),
    ['u'],
  );
});

test('locks are kept within bounds: the oldest are forgotten', () => {
  const held = new HeldLocks();
  for (let id = 1; id <= MAX_HELD + 2; id++) {
    held.add({ id, tid: `t-${id}`, path: '', write: false, ends: LASTS });
  }
  assert.deepEqual([held.valid.length, held.valid[0].id], [MAX_HELD, 3]);
  held.expire(LASTS);
  assert.equal(held.valid.length, 0);
});
