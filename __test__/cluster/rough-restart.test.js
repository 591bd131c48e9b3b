'use strict';

// The hub is restarted again and again under the load of real processes, in ways in which their connections break:
// nothing that was confirmed is lost. `npm run prove:restarts` does the same at length.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { tellFigures } = require('./support/restarts/report.js');
const { tryRestarts } = require('./support/restarts/trial.js');
const { judge, ROUGH } = require('./support/restarts/variants.js');
const { scale } = require('./support/scale.js');

const counts = { tls: scale.restarts, kill: scale.hubKills };

/** Connections are told from each other by what Linux says of them. */
const skip = process.platform !== 'linux' && 'needs Linux';

// Most of it is waiting.
describe('a restart in which connections break', { concurrency: true, skip }, () => {
  for (const variant of ROUGH) {
    test(`${variant.what}: what was confirmed is there`, async (t) => {
      const figures = await tryRestarts(t, variant, counts[variant.name]);
      tellFigures(figures, (line) => t.diagnostic(line));
      assert.deepEqual(judge(variant, figures), []);
    });
  }
});
