'use strict';

// Where hubs ask for tokens, who tells one to hand a database over must show one that opens it.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { until } = require('../cluster/support/wait.js');
const { COMMAND, start } = require('../support/process.js');
const { noRedis } = require('../support/redis.js');
const { bearer, DB, GENERAL, NOTICE_LIMIT, OWN_TOKEN, SPECIAL, startWithTokens } = require('./support/tokens.js');

/** What hubs are configured with, and a token that hands the database over. The server's own does so for each. */
const CASES = {
  'one of several tokens': { settings: { tokens: [GENERAL, SPECIAL] }, opens: SPECIAL, right: SPECIAL },
  "the database's own token": { settings: OWN_TOKEN, opens: SPECIAL, right: SPECIAL },
  "the server's token, though the database has its own": { settings: OWN_TOKEN, opens: SPECIAL, right: GENERAL },
};

/** Looks with the token that opens the database: it may not be shown to others. */
async function isHere(hub, token) {
  const { body } = await hub.ask(`GET /status.json?db=${DB}`, { headers: bearer(token) });
  return JSON.parse(body).cluster?.databases.some(({ db, owner }) => db === DB && owner === hub.name);
}

for (const [name, { settings, opens, right }] of Object.entries(CASES)) {
  test(`a database is handed over for ${name}, not for a wrong one or none`, { skip: noRedis }, async (t) => {
    const [owner, other] = await startWithTokens(t, { settings, opens });
    const handover = (...args) =>
      start(t, process.execPath, [COMMAND, 'handover', owner.address, `db=${DB}`, ...args]).ended;
    for (const args of [[], ['token=wrong']]) {
      const { code, stderr } = await handover(...args);
      assert.notEqual(code, 0, stderr);
      assert.match(stderr, /token/);
      assert.ok(await isHere(owner, opens));
    }
    const { code, stderr } = await handover(`token=${right}`);
    assert.equal(code, 0, stderr);
    await until('the other hub', NOTICE_LIMIT, () => isHere(other, opens));
  });
}
