'use strict';

// Whether events came: each process gets each confirmed write of each other one, once.

const { ROOT } = require('../loaded.js');
const { until } = require('../wait.js');

/** How long an event may take after the end of the load, in milliseconds. */
const EVENT_LIMIT = 5000;

/** How long a process may take to give account of its events, in milliseconds: some thousands. */
const ANSWER_LIMIT = 30_000;

/**
 * Only of processes that were there from beginning to end: what is in the socket of one that ends is beyond the hub.
 * @param {import('./writers.js').Writers} writers
 * @returns {Promise<{ expected: number, lost: number, doubled: number }>}
 */
async function judgeEvents({ first }) {
  const lifelong = first.filter((writer) => writer.isAlive);
  const totals = { expected: 0, lost: 0, doubled: 0 };
  for (const subscriber of lifelong) {
    const others = lifelong.filter((writer) => writer !== subscriber);
    const { expected, lost, doubled } = await judgeOne(subscriber, others);
    totals.expected += expected;
    totals.lost += lost;
    totals.doubled += doubled;
  }
  return totals;
}

async function judgeOne(subscriber, others) {
  const expected = others.flatMap(({ place, report }) => report.confirmed.map((key) => `${ROOT}/${place}/${key}`));
  let seen;
  const haveAllCome = async () => {
    seen = countByPath(await subscriber.child.callWithin(ANSWER_LIMIT, 'events'));
    return expected.every((path) => seen.has(path));
  };
  // Which have not come is what is told.
  await until('events', EVENT_LIMIT, haveAllCome).catch(() => {});
  return {
    expected: expected.length,
    lost: expected.filter((path) => !seen.has(path)).length,
    doubled: [...seen.values()].filter((times) => times > 1).length,
  };
}

function countByPath(events) {
  const seen = new Map();
  for (const { path } of events) {
    seen.set(path, (seen.get(path) ?? 0) + 1);
  }
  return seen;
}

module.exports = { judgeEvents };
