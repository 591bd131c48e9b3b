'use strict';

// What hubs say of each other, to people, scripts and monitors: `status`, /status.json, /metrics.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { until } = require('../cluster/support/wait.js');
const { launchBrowser, noBrowser, openPage } = require('../support/browser.js');
const { noRedis, startRedis } = require('../support/redis.js');
const { join } = require('../support/peer.js');
const { COMMAND, start } = require('../support/process.js');
const { give, ownerOf, startHubs } = require('./support/hubs.js');

const DB = 'mydb_data';

/**
 * How long hubs may take to hear of each other, and of an engine that is away, in milliseconds: three leases, and more.
 */
const NOTICE_LIMIT = 20_000;

async function metric(hub, name) {
  const { body } = await hub.ask('GET /metrics');
  return Number(body.match(new RegExp(`^acebase_ipc_cluster_${name} (\\S+)$`, 'm'))?.[1]);
}

async function statusOf(t, hub) {
  const { stdout } = await start(t, process.execPath, [COMMAND, 'status', hub.address]).ended;
  return stdout;
}

test('hubs, owners, relayed clients and the engine are told, the same everywhere', { skip: noRedis }, async (t) => {
  const redis = await startRedis(t);
  const hubs = await startHubs(t, redis.url);
  const [owner, relay] = hubs;
  await give(owner, DB);
  await join(relay, 'peer-1');
  await until('all to know all', NOTICE_LIMIT, async () => (await relay.view()).hubs.length === hubs.length);
  assert.equal(await ownerOf(hubs.slice(0, 2), DB), owner.name);

  const view = await relay.view();
  assert.equal(view.name, relay.name);
  assert.equal(view.engine.state, 'up');
  assert.equal(view.relayed, 1);
  assert.deepEqual(
    view.hubs.map(({ name, address }) => `${name} ${address}`).sort(),
    hubs.map(({ name, address }) => `${name} ${address}`),
  );
  const [row] = view.databases;
  assert.deepEqual([row.db, row.state, row.owner], [DB, 'elsewhere', owner.name]);
  const mine = (await owner.view()).databases.find(({ db }) => db === DB);
  assert.deepEqual([mine.state, mine.epoch], ['here', row.epoch]);
  assert.ok(mine.leaseAgeMs < NOTICE_LIMIT);

  const figures = { engine_up: 1, hubs: 3, relayed_clients: 1, other_databases: 1, owned_databases: 0 };
  for (const [name, expected] of Object.entries(figures)) {
    assert.equal(await metric(relay, name), expected, name);
  }
  const text = await statusOf(t, relay);
  assert.match(text, /Hub hub-2 of 3 hubs: .*hub-1 at 127\.0\.0\.1:\d+/);
  assert.match(text, /Engine up for .*, 1 client relayed/);
  assert.match(text, /mydb_data: at hub-1/);
});

test('the live page shows hubs and owners, and by which hub a client has come', {
  skip: noRedis || noBrowser,
}, async (t) => {
  const redis = await startRedis(t);
  const [owner, relay] = await startHubs(t, redis.url, { count: 2 });
  await give(owner, DB);
  await join(relay, 'peer-1');
  const browser = await launchBrowser();
  t.after(() => browser.close());
  const { page, complaints } = await openPage(t, browser, `http://${relay.address}/`);
  const rows = page.locator('#hubs tbody tr');
  await rows.nth(1).waitFor();
  assert.match(await page.locator('#hubs .engine').textContent(), /^Engine up for .* · 1 client relayed, 0 waiting/);
  const texts = await rows.evaluateAll((all) => all.map((row) => [...row.cells].map((cell) => cell.textContent)));
  assert.deepEqual(texts.sort(), [
    [owner.name, owner.address, DB],
    [`${relay.name} (this one)`, relay.address, '–'],
  ]);
  await page.goto(`http://${owner.address}/`);
  const client = page.locator('#clients tbody tr', { hasText: 'peer-1' });
  assert.match(await client.locator('.place').textContent(), new RegExp(`via ${relay.name}$`));
  assert.deepEqual(
    complaints.filter((text) => !text.includes(owner.address)),
    [],
  );
});

test('an engine that is away is told, and so is a hub that is gone', { skip: noRedis }, async (t) => {
  const redis = await startRedis(t);
  const [one, other] = await startHubs(t, redis.url, { count: 2 });
  await until('both', NOTICE_LIMIT, async () => (await one.view()).hubs.length === 2);
  await other.kill();
  await until('the loss', NOTICE_LIMIT, async () => (await one.view()).hubs.length === 1);
  await redis.kill();
  await until('the loss', NOTICE_LIMIT, async () => (await metric(one, 'engine_up')) === 0);
  const { engine } = await one.view();
  assert.equal(engine.state, 'down');
  assert.ok(engine.fault);
  assert.match(await statusOf(t, one), /Engine down for .*\(.+\)/);
  // It goes on serving.
  assert.match((await one.ask('GET /readyz')).body, /^ready\nengine: down/);
});
