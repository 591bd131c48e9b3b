'use strict';

// A database changes its owner because somebody wants it to: all that the owner has in memory goes along.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { assertUnharmed, endure } = require('../client/support/ordeal.js');
const { sleep, until, within } = require('../cluster/support/wait.js');
const { COMMAND, start } = require('../support/process.js');
const { noRedis, startRedis } = require('../support/redis.js');
const { give, nextOwner, ownerOf, startHubs } = require('./support/hubs.js');
const { assertGoesOn, assertNoConflicts } = require('./support/published.js');
const { prepareSpread, prepareSpreadWithClient } = require('./support/spread.js');

/** Where the receiver of these tests hears of new values. */
const NEWS = 'news';

/** How long a process stands still, in milliseconds: it comes back while its session is kept. */
const ABSENCE = 2500;

/** How long a write may take meanwhile, in milliseconds: the machine is busy, and connections are being closed. */
const WRITE_LIMIT = 5000;

/** How long it takes until the hub has a request, in milliseconds. */
const UNDER_WAY = 500;

/** How long events may take, in milliseconds. */
const EVENT_LIMIT = 5000;

/** The ways in which an owner leaves its database to another hub. */
const WAYS = {
  'is stopped': (_t, owner) => owner.stop(),
  'is told to hand it over': async (t, owner, db) => {
    const { code, stderr } = await handover(t, owner, `db=${db}`);
    assert.equal(code, 0, stderr);
  },
};

function handover(t, hub, ...args) {
  return start(t, process.execPath, [COMMAND, 'handover', hub.address, ...args]).ended;
}

/** Three hubs, of which the first has the cluster's database; processes are at the others. */
async function startOwned(t, settings) {
  const redis = await startRedis(t);
  const hubs = await startHubs(t, redis.url, settings);
  const cluster = prepareSpread(t, hubs.slice(1));
  await give(hubs[0], cluster.hubName);
  return { redis, hubs, cluster };
}

describe('the owner of a database changes in order', { skip: noRedis }, () => {
  for (const [way, leave] of Object.entries(WAYS)) {
    test(`it ${way}: who is between two connections gets all that is written meanwhile`, async (t) => {
      const { hubs, cluster } = await startOwned(t);
      await cluster.startMaster();
      const [writer, receiver] = await cluster.startWorkers(2);
      await receiver.call('watch', NEWS, 'child_added');
      await writer.call('set', `${NEWS}/before`, 1);
      await until('the first event', EVENT_LIMIT, async () => (await receiver.call('events')).length === 1);
      receiver.signal('SIGSTOP');
      const standsUntil = Date.now() + ABSENCE;
      await leave(t, hubs[0], cluster.hubName);
      // A client that sends while it comes back throws: it is idle in that instant.
      await sleep(200);
      await within('a write', WRITE_LIMIT, writer.call('set', `${NEWS}/meanwhile`, 2));
      await sleep(standsUntil - Date.now());
      receiver.signal('SIGCONT');
      await within('a write', WRITE_LIMIT, writer.call('set', `${NEWS}/after`, 3));
      const paths = async () => (await receiver.call('events')).map(({ path }) => path.split('/').at(-1));
      await until('the events', EVENT_LIMIT, async () => (await paths()).includes('after'));
      assert.deepEqual(await paths(), ['before', 'meanwhile', 'after']);
      await nextOwner(hubs.slice(1), cluster.hubName, hubs[0]);
      cluster.assertAlive();
    });

    test(`it ${way} while a request waits for a master: the next owner has it`, async (t) => {
      const { hubs, cluster } = await startOwned(t);
      const master = await cluster.startMaster();
      const worker = await cluster.startWorker();
      await worker.call('set', 'before', 1);
      await master.end();
      const waits = worker.call('set', 'waits', 2);
      await sleep(UNDER_WAY);
      await leave(t, hubs[0], cluster.hubName);
      await cluster.startMaster();
      await within('the write that waited', WRITE_LIMIT, waits);
      assert.deepEqual(await cluster.audit(['before', 'waits']), { before: 1, waits: 2 });
      cluster.assertAlive([master]);
    });

    // What the published client sends between the hub's goodbye and the end of its connection, `ws` drops without a
    // word: some requests may be lost here, as wherever connections are closed under load.
    test(`it ${way}, under load: all go on, and all that was confirmed is stored`, async (t) => {
      const { hubs, cluster } = await startOwned(t);
      await assertGoesOn(t, cluster, async () => {
        await leave(t, hubs[0], cluster.hubName);
        await nextOwner(hubs.slice(1), cluster.hubName, hubs[0]);
      });
    });
  }

  test('again and again, with the client of this package: nothing is lost, nothing comes twice', async (t) => {
    const redis = await startRedis(t);
    const hubs = await startHubs(t, redis.url);
    const cluster = prepareSpreadWithClient(t, hubs);
    await give(hubs[0], cluster.hubName);
    let owner = hubs[0];
    const strike = async () => {
      await WAYS['is told to hand it over'](t, owner, cluster.hubName);
      const name = await nextOwner(hubs, cluster.hubName, owner);
      owner = hubs.find((hub) => hub.name === name);
    };
    const figures = await endure(cluster, { strike, what: 'the database handed over', every: 2000, times: 3 });
    assertUnharmed(t, figures);
    assertNoConflicts(cluster);
  });

  test('it goes to the hub that is named, and back', async (t) => {
    const { hubs, cluster } = await startOwned(t);
    await cluster.startMaster();
    const worker = await cluster.startWorker();
    for (const [from, to] of [
      [hubs[0], hubs[2]],
      [hubs[2], hubs[0]],
    ]) {
      const { code, stdout, stderr } = await handover(t, from, `db=${cluster.dbname}`, `to=${to.name}`);
      assert.equal(code, 0, stderr);
      assert.match(stdout, new RegExp(`at the hub ${to.name} at ${to.address} now`));
      assert.equal(await ownerOf(hubs, cluster.hubName), to.name);
      await sleep(500);
      await within('a write', WRITE_LIMIT, worker.call('set', to.name, from.name));
    }
    assert.deepEqual(await cluster.audit(['hub-1', 'hub-3']), { 'hub-1': 'hub-3', 'hub-3': 'hub-1' });
    cluster.assertAlive();
  });

  test('what is in the way is said, and nothing happens', async (t) => {
    const { hubs, cluster } = await startOwned(t, { count: 2 });
    const db = cluster.hubName;
    const says = async (hub, ...args) => {
      const { code, stderr } = await handover(t, hub, `db=${db}`, ...args);
      assert.equal(code, 2, stderr);
      return stderr;
    };
    await until('the hubs to know each other', EVENT_LIMIT, async () => (await hubs[0].view()).hubs.length === 2);
    assert.match(await says(hubs[1]), new RegExp(`the hub hub-1 at ${hubs[0].address} has the database`));
    assert.match(await says(hubs[0], 'to=hub-9'), /no other hub is called "hub-9"; there are hub-2/);
    await hubs[1].pause();
    assert.match(await says(hubs[0]), /no other hub answers/);
    hubs[1].resume();
    assert.equal(await ownerOf([hubs[0]], db), 'hub-1');
  });
});
