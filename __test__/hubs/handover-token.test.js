'use strict';

// Where hubs ask for tokens, who tells one to hand a database over must show one that opens it.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { writeFileSync } = require('node:fs');
const path = require('node:path');

const { deferFolder } = require('../cluster/support/scope.js');
const { until } = require('../cluster/support/wait.js');
const { COMMAND, start } = require('../support/process.js');
const { noRedis, startRedis } = require('../support/redis.js');
const { startHubs } = require('./support/hubs.js');

const DB = 'mydb_data';

/** What hubs ask for: one token for all, and another one for this database. */
const GENERAL = 'general-token';
const SPECIAL = 'token-of-this-database';

/** How long hubs may take to hear of each other, in milliseconds. */
const NOTICE_LIMIT = 20_000;

/** The database has a token of its own. */
const OWN_TOKEN = { tokens: [GENERAL], databaseTokens: { [DB]: [SPECIAL] } };

/** What hubs are configured with, and a token that hands the database over. The server's own does so for each. */
const CASES = {
  'one of several tokens': { settings: { tokens: [GENERAL, SPECIAL] }, opens: SPECIAL, right: SPECIAL },
  "the database's own token": { settings: OWN_TOKEN, opens: SPECIAL, right: SPECIAL },
  "the server's token, though the database has its own": { settings: OWN_TOKEN, opens: SPECIAL, right: GENERAL },
};

/** Two hubs with these tokens, of which the first one has the database. */
async function startWithTokens(t, { settings, opens }) {
  const redis = await startRedis(t);
  const config = path.join(deferFolder(t, 'config'), 'hub.json');
  writeFileSync(config, JSON.stringify(settings));
  const hubs = await startHubs(t, redis.url, {
    count: 2,
    options: ['--config', config],
    placeOf: () => ({ token: GENERAL }),
  });
  await hubs[0].ask(`GET /${DB}/clients`, { headers: { authorization: `Bearer ${opens}` } });
  await until('both', NOTICE_LIMIT, async () => (await hubs[0].view()).hubs.length === 2);
  return hubs;
}

/** Looks with the token that opens the database: it may not be shown to others. */
async function isHere(hub, token) {
  const { body } = await hub.ask(`GET /status.json?db=${DB}`, { headers: { authorization: `Bearer ${token}` } });
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
