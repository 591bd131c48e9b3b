'use strict';

// Events between processes: all workers are subscribed to the same news, and each publishes.

const assert = require('node:assert/strict');

const { until } = require('./wait.js');

const ROOT = 'news';

/** How long events may take, in milliseconds. */
const EVENT_LIMIT = 5000;

/** Subscribes a worker. */
function watchNews(worker) {
  return worker.call('watch', ROOT, 'child_added');
}

/** Each worker publishes, for the first time; all get the news of all, once. */
async function exchangeNews(workers) {
  const places = workers.map((worker) => `${ROOT}/of-${worker.name}`).sort();
  await Promise.all(workers.map((worker) => worker.call('set', `${ROOT}/of-${worker.name}`, worker.name)));
  for (const worker of workers) {
    const seen = async () => (await worker.call('events')).map((event) => event.path).sort();
    // Whether they have all come, or too many, is what the comparison shows.
    await until('news', EVENT_LIMIT, async () => (await seen()).length >= places.length).catch(() => {});
    assert.deepEqual(await seen(), places, `the news that ${worker.name} got`);
  }
}

module.exports = { exchangeNews, watchNews };
