'use strict';

// What the hub bears, in small: crowds, visitors who come and go, a broadcast to many, a crowd that the next hub goes
// on with, and no open files left. In full size it is `npm run prove:limits`.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { judgeExhaustion, judgeSuccession } = require('../proof/limits/demands.js');
const { exhaust } = require('../proof/limits/exhaustion.js');
const { loadHub } = require('../proof/limits/load.js');
const { succeed } = require('../proof/limits/succession.js');
const { noProc } = require('./support/platform.js');

/** Sessions are remembered for a moment only, so that the test need not wait for their end. */
const CONFIG = { resumeWindow: 200, releaseLocksAfter: 300 };
const REMEMBERED = 800;

test('many idle peers, many visitors, a broadcast, and nothing left when all have gone', { skip: noProc }, async () => {
  const { demands } = await loadHub({
    config: CONFIG,
    remembered: REMEMBERED,
    crowd: 500,
    visits: { perSecond: 200, seconds: 1 },
    audience: { receivers: 100, rounds: 5 },
  });
  assert.deepEqual(missed(demands), []);
});

test('hubs that leave in order hand a crowd over to the next, in time', { skip: noProc }, async () => {
  assert.deepEqual(missed(judgeSuccession(await succeed({ crowd: 500, rounds: 2 }))), []);
});

test('without open files left it waits, warns once, serves those who are there, and goes on when it can', {
  skip: noProc,
}, async () => {
  assert.deepEqual(missed(judgeExhaustion(await exhaust({ idleSeconds: 1 }))), []);
});

function missed(demands) {
  return demands.filter(({ isMet }) => !isMet);
}
