'use strict';

// A Redis that speaks TLS only, alone or with Sentinels that do: hubs take it where they trust the authority of its
// certificate, and nowhere else.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { until } = require('../cluster/support/wait.js');
const { signed, strangeAuthority } = require('../support/certificates.js');
const { noRedis, startRedis, startWatchedRedis } = require('../support/redis.js');
const { give, startHubs } = require('./support/hubs.js');

/** How long a hub may take to find out how the engine is, in milliseconds. */
const NOTICE_LIMIT = 10_000;

/** How long Sentinels may take to name another Redis, and a hub to be with it, in milliseconds: the machine is busy. */
const FAILOVER_LIMIT = 30_000;

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
    const { status, body } = await hub.ask('GET /readyz');
    assert.equal(status, 503);
    assert.match(body, reason);
    assert.match(body, /is the authority of its certificate trusted here\?$/);
  });

  test('is found by Sentinels over TLS, and followed when they name another one', async (t) => {
    const { url, primary } = await startWatchedRedis(t, { ssl: signed() });
    const [hub] = await startHubs(t, url, { count: 1, env: { SSL_CERT_FILE: signed().authority } });
    await give(hub, 'mydb_data');
    await primary.kill();
    await until('the loss', NOTICE_LIMIT, async () => (await hub.view()).engine.state === 'down');
    await until('the other one', FAILOVER_LIMIT, async () => (await hub.view()).engine.state === 'up');
  });

  test('is not taken by the word of Sentinels that are not trusted', async (t) => {
    const { url } = await startWatchedRedis(t, { ssl: signed() });
    const [hub] = await startHubs(t, url, { count: 1, env: { SSL_CERT_FILE: strangeAuthority() } });
    const reason = /no Sentinel says where it is \(.*invalid peer certificate: UnknownIssuer/;
    await until('the reason', NOTICE_LIMIT, async () => reason.test((await hub.view()).engine.fault));
  });
});
