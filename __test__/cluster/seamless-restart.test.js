'use strict';

// The hub is restarted in order, again and again, under the load of real processes, and nobody notices: they wait for
// as long as it is away, on the connections that they have. `npm run prove:restarts` does the same at length.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { tellFigures } = require('./support/restarts/report.js');
const { tryRestarts } = require('./support/restarts/trial.js');
const { judge, SEAMLESS, SHARED_SLACK } = require('./support/restarts/variants.js');
const { scale } = require('./support/scale.js');

/** Connections are told from each other by what Linux says of them. */
const skip = process.platform !== 'linux' && 'needs Linux';

// One after the other: how long writes wait is part of what is tested.
describe('a restart that nobody notices', { concurrency: false, skip }, () => {
  for (const variant of SEAMLESS) {
    test(`${variant.what}: nothing hangs, fails, reconnects, ends or is lost`, async (t) => {
      const figures = await tryRestarts(t, variant, scale.restarts);
      tellFigures(figures, (line) => t.diagnostic(line));
      assert.deepEqual(judge(variant, figures, SHARED_SLACK), []);
    });
  }
});
