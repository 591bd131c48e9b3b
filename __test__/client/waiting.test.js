'use strict';

// How long a request may wait: as long as what it waits behind moves, and no longer.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { Deadlines } = require('../../lib/client/deadlines.js');
const { Line, PARTS } = require('../../lib/client/line.js');
const { requestTimeoutOf } = require('../../lib/client/settings.js');
const { prepareCluster, startCluster } = require('../cluster/support/cluster.js');
const { until, within } = require('../cluster/support/wait.js');
const { randomFrom } = require('../support/random.js');
const { startBareHub } = require('./support/bare-hub.js');
const { ENV } = require('./support/client.js');

/** How long a request may stand still in these tests, in milliseconds. */
const REQUEST_TIMEOUT = 1500;

/**
 * How many hold the lock one after the other, and each for how long, in milliseconds: together far longer than that.
 */
const HOLDERS = 10;
const HOLD = 500;

/** How long all of it may take, in milliseconds. */
const LIMIT = 20_000;

const settings = { env: ENV, ipc: { requestTimeout: REQUEST_TIMEOUT } };

/** One after the other, in the order in which they have asked. */
function line(worker) {
  const places = Array.from({ length: HOLDERS }, (_, n) => `line/${n}`);
  return Promise.all(places.map((place) => worker.callWithin(LIMIT, 'holdFor', place, HOLD)));
}

/** Whatever becomes of it. */
function outcomeOf(action) {
  return action.then(
    () => 'done',
    ({ message }) => message,
  );
}

describe('a request waits', { concurrency: 2 }, () => {
  test('behind requests of its own process, as long as they are answered', async (t) => {
    const { workers } = await startCluster(t, { workers: 1, ...settings });
    await line(workers[0]);
    // Of the last one, the write is still to come.
    await workers[0].call('set', 'after', true);
  });

  test('behind other processes, as long as they write', async (t) => {
    const { workers } = await startCluster(t, { workers: 2, ...settings });
    await workers[0].call('set', 'line', { is: 'there' });
    const others = line(workers[0]);
    await until('the first of the line', LIMIT, async () => (await workers[1].call('peers')).length > 0);
    assert.equal(await outcomeOf(workers[1].callWithin(LIMIT, 'set', 'behind', true)), 'done');
    await others;
  });

  test('for a lock that nobody returns until requestTimeout', async (t) => {
    const { workers } = await startCluster(t, { workers: 2, ...settings });
    await workers[0].call('hold', 'held');
    assert.match(await outcomeOf(workers[1].call('set', 'waits', 1)), /lock-request.*within 1500 ms/);
  });

  test('for nothing where it got lost: others that go on do not hide it', async (t) => {
    const hub = await startBareHub(t);
    const cluster = prepareCluster(t, { port: hub.port, ...settings, ipc: { host: '127.0.0.1', ...settings.ipc } });
    await cluster.startMaster();
    const [unlucky, lucky] = await cluster.startWorkers(2);
    await unlucky.call('set', 'before', true);
    hub.options.drops = 'lock-request';
    const lost = outcomeOf(unlucky.call('set', 'lost', true));
    await until('the loss', LIMIT, () => hub.dropped === 1);
    hub.options.drops = undefined;
    await lucky.call('startWriting', 'goes/on', 1);
    const began = performance.now();
    assert.match(await within('the end', LIMIT, lost), /lock-request.*within 1500 ms/);
    assert.ok(performance.now() - began < 2 * REQUEST_TIMEOUT + HOLD);
    await lucky.call('stopWriting');
  });
});

test('how others move tells nothing of a request that a hub without the extension may have lost', async () => {
  const expired = [];
  const deadlines = new Deadlines(REQUEST_TIMEOUT, (id) => expired.push(id));
  deadlines.add('before', true);
  deadlines.mayLose(true);
  deadlines.add('meanwhile', true);
  deadlines.mayLose(false);
  deadlines.add('after', true);
  const moves = setInterval(() => deadlines.othersMoved(), 20);
  await until('the ends', LIMIT, () => expired.length > 1);
  assert.deepEqual(expired, ['before', 'meanwhile']);
  clearInterval(moves);
  deadlines.stop();
});

test('by default a request outlives a lock that nobody returns, and two minutes', () => {
  const limitOf = (lockTimeout) => requestTimeoutOf({ config: {}, storage: { settings: { lockTimeout } } });
  assert.deepEqual([limitOf(undefined), limitOf(2), limitOf(300)], [130_000, 120_000, 310_000]);
});

test('a line knows when it has moved before somebody, whatever the order of the answers', () => {
  const horizon = PARTS * 10;
  for (let seed = 1; seed <= 200; seed++) {
    const random = randomFrom(seed);
    const known = new Line(horizon);
    const answers = [];
    let now = 0;
    for (let step = 0; step < 200; step++) {
      now += random(40);
      answers.push({ number: random(50) + Math.floor(step / 4), at: now });
      known.moved(answers.at(-1).number, now);
      const place = random(60) + Math.floor(step / 4);
      const expected = Math.max(...answers.filter(({ number }) => number < place).map(({ at }) => at));
      const found = known.lastMoveBefore(place);
      assert.ok(found <= expected, `seed ${seed}, step ${step}: a move was made up`);
      assert.ok(
        found >= expected - horizon / PARTS || expected < now - horizon,
        `seed ${seed}, step ${step}: ${found} instead of ${expected}`,
      );
    }
  }
});
