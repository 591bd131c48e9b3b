'use strict';

// A subscription works whoever joined first.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { prepareCluster, startCluster } = require('./support/cluster.js');
const { startHub } = require('./support/hub.js');
const { exchangeNews, watchNews } = require('./support/news.js');
const { sleep, until } = require('./support/wait.js');

/** How long an event may take, in milliseconds; also how long one that must not come is waited for. */
const EVENT_LIMIT = 3000;

/** Subscribes in one worker, then starts another that writes. Returns the first one's events. */
async function subscribeThenJoin(t, hubOptions) {
  const { cluster, workers } = await startCluster(t, { hub: hubOptions, workers: 1 });
  const [early] = workers;
  await early.call('watch', 'news', 'child_added');
  const late = await cluster.startWorker();
  await until('an introduction', EVENT_LIMIT, () => late.call('peers').then((peers) => peers.length === 2)).catch(
    () => {},
  );
  await late.call('set', 'news/first', 'hello');
  await until('an event', EVENT_LIMIT, () => early.call('events').then((events) => events.length > 0)).catch(() => {});
  cluster.assertAlive();
  return early.call('events');
}

test('a subscription made before a process joined gets its events', async (t) => {
  const events = await subscribeThenJoin(t);
  assert.deepEqual(events, [{ event: 'child_added', path: 'news/first', value: 'hello' }]);
});

test('without introductions it does not', async (t) => {
  assert.deepEqual(await subscribeThenJoin(t, { introductions: false }), []);
});

test('ten workers that join at once: each gets the events of all others, once', async (t) => {
  const count = 10;
  const hub = await startHub(t);
  const cluster = prepareCluster(t, { port: hub.port });
  await cluster.startMaster();
  const workers = await Promise.all(
    Array.from({ length: count }, async () => {
      const worker = await cluster.startWorker();
      await watchNews(worker);
      return worker;
    }),
  );
  await until('all introductions', EVENT_LIMIT, async () => {
    const known = await Promise.all(workers.map((worker) => worker.call('peers')));
    return known.every((peers) => peers.length === count);
  });
  // What was subscribed last may still be on its way.
  await sleep(500);
  await exchangeNews(workers);
  cluster.assertAlive();
});
