'use strict';

// Faults of clients, disks and loggers. Those that need networks and clocks of their own: `npm run prove:faults`.

const { test } = require('node:test');

const { SCENARIOS } = require('../proof/faults/scenarios.js');

for (const { fault, promise, skip, run } of SCENARIOS.filter(({ isQuick }) => isQuick)) {
  test(`${fault}: ${promise}`, { skip }, async (t) => t.diagnostic(await run(t)));
}
