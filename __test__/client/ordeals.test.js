'use strict';

// Processes that all have the client, under load, while the hub is taken away from them: what is confirmed is stored,
// no request hangs or fails, but for those whose locks expire, each event comes once, nobody ends. `npm run
// prove:client` does it at length.

const { test } = require('node:test');

const { ROOT } = require('../support/process.js');
const { assertUnharmed, runOrdeal } = require('./support/ordeal.js');

/** Each fault: how often, how long it lasts, and for how long there are such, in milliseconds. */
const ORDEALS = {
  kill: { every: 4000, total: 8000 },
  'double-kill': { every: 1500, total: 10_000 },
  reset: { every: 1000, total: 10_000 },
  partition: { every: 1000, duration: 14_000, total: 1000 },
  absence: { every: 500, duration: 4000, total: 8000, cluster: { lockTimeout: 4 } },
  versions: { every: 1000, total: 6000, former: ROOT },
};

for (const [fault, rhythm] of Object.entries(ORDEALS)) {
  test(`${fault}: nothing is lost, nothing comes twice, nobody ends (fails with the published client)`, async (t) => {
    assertUnharmed(t, await runOrdeal(t, { fault, ...rhythm }));
  });
}
