'use strict';

// Hubs that ask for tokens: a general one, and another one for one database.

const { writeFileSync } = require('node:fs');
const path = require('node:path');

const { deferFolder } = require('../../cluster/support/scope.js');
const { until } = require('../../cluster/support/wait.js');
const { startRedis } = require('../../support/redis.js');
const { startHubs } = require('./hubs.js');

const DB = 'mydb_data';

/** One token for all, another one for this database, and that of another one. */
const GENERAL = 'general-token';
const SPECIAL = 'token-of-this-database';
const STRANGE = 'token-of-another-database';

/** How long hubs may take to hear of each other, in milliseconds. */
const NOTICE_LIMIT = 20_000;

/** The database has a token of its own. */
const OWN_TOKEN = { tokens: [GENERAL], databaseTokens: { [DB]: [SPECIAL], other_data: [STRANGE] } };

/** Headers that show a token. */
function bearer(token) {
  return token ? { authorization: `Bearer ${token}` } : {};
}

/** Two hubs with these settings, of which the first one has the database. `opens`: a token that opens it. */
async function startWithTokens(t, { settings, opens }) {
  const redis = await startRedis(t);
  const config = path.join(deferFolder(t, 'config'), 'hub.json');
  writeFileSync(config, JSON.stringify(settings));
  const hubs = await startHubs(t, redis.url, {
    count: 2,
    options: ['--config', config],
    placeOf: () => ({ token: GENERAL }),
  });
  await hubs[0].ask(`GET /${DB}/clients`, { headers: bearer(opens) });
  await until('both', NOTICE_LIMIT, async () => (await hubs[0].view()).hubs.length === 2);
  return hubs;
}

module.exports = { bearer, DB, GENERAL, NOTICE_LIMIT, OWN_TOKEN, SPECIAL, STRANGE, startWithTokens };
