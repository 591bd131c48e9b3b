'use strict';

// The trial of other versions of AceBase, with the installed one: it passes here, and it can fail.

const assert = require('node:assert/strict');
const path = require('node:path');
const { test } = require('node:test');

const { STEPS, tryCluster } = require('../../proof/versions/trial.js');
const { ROOT, start } = require('../support/process.js');

test('the installed version passes every step', async (t) => {
  const outcomes = await tryCluster(t, path.join(ROOT, 'node_modules', 'acebase'));
  assert.deepEqual(
    outcomes,
    STEPS.map(() => 'yes'),
  );
});

test('what is no AceBase does not', async (t) => {
  const outcomes = await tryCluster(t, path.join(ROOT, 'node_modules', 'ws'));
  assert.equal(outcomes.length, 1);
  assert.match(outcomes[0], /^NO: /);
});

test('the command asks for versions', async (t) => {
  for (const args of [[], ['latest; echo']]) {
    const { code, stderr } = await start(t, process.execPath, [path.join(ROOT, 'proof', 'versions', 'run.js'), ...args])
      .ended;
    assert.equal(code, 1);
    assert.match(stderr, /Usage: npm run try:versions -- 1\.12\.3/);
  }
});
