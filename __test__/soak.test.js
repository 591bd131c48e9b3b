'use strict';

// The judges of the soak run: what they must find wrong, and what they must let pass.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { CounterHistory, PlaceHistory } = require('../proof/soak/history.js');
const { Ledger } = require('../proof/soak/ledger.js');
const { Random } = require('../proof/soak/random.js');
const { compareQuarters } = require('../proof/soak/samples.js');
const { describeValue, makeValue, NOTHING } = require('../proof/soak/value.js');
const { EVENT_LIMIT, Subscriber, Views } = require('../proof/soak/views.js');

/** A place with these writes. */
function placeWith(...writes) {
  const history = new PlaceHistory();
  for (const write of writes) {
    history.add(write);
  }
  return history;
}

const confirmed = (token, start, end) => ({ token, start, end, outcome: 'confirmed' });

describe('what a place may hold', () => {
  test('the last confirmed write, and no earlier one', () => {
    const history = placeWith(confirmed('w1', 10, 20), confirmed('w2', 30, 40));
    assert.ok(history.isPossible('w2', 50, 60));
    assert.ok(!history.isPossible('w1', 50, 60));
    assert.ok(!history.isPossible(NOTHING, 50, 60));
    assert.ok(!history.isPossible('w3', 50, 60));
  });

  test('any of several that overlapped, and what was there while it was read', () => {
    const history = placeWith(confirmed('w1', 10, 35), confirmed('w2', 30, 40), confirmed('w3', 100, 110));
    assert.ok(history.isPossible('w1', 50, 60));
    assert.ok(history.isPossible('w2', 50, 60));
    assert.ok(history.isPossible('w3', 105, 106));
    assert.ok(!history.isPossible('w3', 50, 60));
  });

  test('an uncertain write for as long as its process may do it', () => {
    const process = { diedAt: undefined };
    const history = placeWith({ token: 'w1', start: 10, outcome: 'uncertain', process }, confirmed('w2', 30, 40));
    assert.ok(history.isPossible('w1', 50, 60));
    process.diedAt = 25;
    assert.ok(!history.isPossible('w1', 50, 60));
    assert.ok(history.isPossible('w2', 50, 60));
  });

  test('half a value only where a process died writing it', () => {
    const half = describeValue({ ...makeValue('w2', 100), text: 'w1 etc.' });
    assert.match(half, /damaged/);
    const process = { diedAt: 45 };
    assert.ok(!placeWith(confirmed('w1', 10, 20), confirmed('w2', 30, 40)).isTornByDeath(half, 50));
    const torn = placeWith(confirmed('w1', 10, 20), { token: 'w2', start: 30, outcome: 'uncertain', process });
    assert.ok(torn.isTornByDeath(half, 50));
  });

  test('a counter no less than was confirmed, and no sum twice', () => {
    const history = new CounterHistory();
    assert.ok(history.confirm(1));
    assert.ok(history.confirm(2));
    history.doubt();
    assert.deepEqual(
      [1, 2, 3, 4].map((value) => history.isPossible(value)),
      [false, true, true, false],
    );
    assert.ok(!history.confirm(2));
  });

  test('values of all sizes are whole when they are what was written', () => {
    for (const size of [10, 11, 12, 13, 14, 15, 4000, 1_000_000]) {
      const value = makeValue('w123456', size);
      assert.equal(describeValue(JSON.parse(JSON.stringify(value))), 'w123456');
      assert.match(describeValue({ ...value, text: value.text.slice(1) }), /damaged/);
    }
  });
});

describe('what subscribers must have seen', () => {
  /** One confirmed write from 1000 to 1010, and a subscriber who saw its event as often as that. */
  function judge({ timesSeen, since = 0, diedAt, hubKilledAt }) {
    const { absences } = new Ledger();
    if (hubKilledAt !== undefined) {
      absences.begin(hubKilledAt);
      absences.end(hubKilledAt + 100);
    }
    const views = new Views(absences);
    const subscriber = new Subscriber('worker1', since);
    views.join(subscriber);
    subscriber.take(Array(timesSeen).fill({ path: 'shared', token: 'w1' }), 1020);
    views.expect({ token: 'w1', path: 'shared', start: 1000, end: 1010, process: { name: 'worker2', diedAt } });
    assert.deepEqual(views.judge(1010 + EVENT_LIMIT), [], 'too early to tell');
    return views.judge(1011 + EVENT_LIMIT).length === 0;
  }

  test('each event once', () => {
    assert.ok(judge({ timesSeen: 1 }));
    assert.ok(!judge({ timesSeen: 0 }));
    assert.ok(!judge({ timesSeen: 2 }));
  });

  test('not those of before, of a process that died with it, or of when the hub was killed', () => {
    assert.ok(judge({ timesSeen: 0, since: 1005 }));
    assert.ok(judge({ timesSeen: 0, diedAt: 1500 }));
    assert.ok(!judge({ timesSeen: 0, diedAt: 9000 }));
    assert.ok(judge({ timesSeen: 0, hubKilledAt: 1500 }));
    assert.ok(!judge({ timesSeen: 0, hubKilledAt: 9000 }));
  });
});

describe('whether the hub grows', () => {
  const life = (sample) =>
    Array.from({ length: 100 }, (_, n) => ({ memory: 50e6, files: 33, threads: 9, ...sample(n) }));
  const growing = (sample) =>
    compareQuarters(life(sample))
      .filter(({ isFlat }) => !isFlat)
      .map(({ name }) => name);

  test('going up and down is flat, going up is not', () => {
    assert.deepEqual(
      growing((n) => ({ memory: 50e6 + (n % 10) * 1e6, files: 33 + 3 * (n % 3) })),
      [],
    );
    assert.deepEqual(
      growing((n) => ({ memory: 50e6 + n * 0.3e6 })),
      ['memory'],
    );
    assert.deepEqual(
      growing((n) => ({ files: 33 + n / 20 })),
      ['files'],
    );
    assert.deepEqual(
      growing((n) => ({ threads: 9 + Math.floor(n / 30) })),
      ['threads'],
    );
  });

  test('a short life tells nothing', () => assert.deepEqual(compareQuarters(life(() => ({})).slice(0, 10)), []));
});

test('the same seed makes the same choices', () => {
  const choices = (seed) => {
    const random = new Random(seed);
    return Array.from({ length: 50 }, () => [
      random.anySize(),
      random.weighted({ a: 1, b: 2 }),
      random.pick([1, 2, 3]),
    ]);
  };
  assert.deepEqual(choices(7), choices(7));
  assert.notDeepEqual(choices(7), choices(8));
});
