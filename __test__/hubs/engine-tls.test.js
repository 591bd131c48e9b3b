'use strict';

// A Redis that speaks TLS only: hubs take it where they trust the authority of its certificate, and nowhere else.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { until } = require('../cluster/support/wait.js');
const { signed, strangeAuthority } = require('../support/certificates.js');
const { noRedis, startRedis } = require('../support/redis.js');
const { give, startHubs } = require('./support/hubs.js');

/** How long a hub may take to find out how the engine is, in milliseconds. */
const NOTICE_LIMIT = 10_000;

/** A hub whose environment names this file of authorities. */
async function startTrusting(t, variable, authority) {
  const redis = await startRedis(t, { ssl: signed() });
  const [hub] = await startHubs(t, redis.url, { count: 1, env: { [variable]: authority } });
  return hub;
}

describe('an engine over TLS', { skip: noRedis }, () => {
  for (const variable of ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE']) {
    test(`is taken where ${variable} names its authority`, async (t) => {
      const hub = await startTrusting(t, variable, signed().authority);
      await until('a ready hub', NOTICE_LIMIT, async () => (await hub.ask('GET /readyz')).status === 200);
      await give(hub, 'mydb_data');
    });
  }

  test('is not taken where another authority is trusted: not ready, and the log and the status say why', async (t) => {
    const hub = await startTrusting(t, 'SSL_CERT_FILE', strangeAuthority());
    const reason = /invalid peer certificate: UnknownIssuer/;
    await until('the log', NOTICE_LIMIT, () => reason.test(String(hub.words)));
    const { state, fault } = (await hub.view()).engine;
    assert.equal(state, 'down');
    assert.match(fault, reason);
    assert.equal((await hub.ask('GET /readyz')).status, 503);
  });
});
