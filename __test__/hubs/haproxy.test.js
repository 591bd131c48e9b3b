'use strict';

// Published clients know one name: an HAProxy in front of three hubs, as docs/cluster.md has it. The clients of a hub
// that is lost get to another one, and none of them ends.

const { describe, test } = require('node:test');

const { prepareCluster } = require('../cluster/support/cluster.js');
const { sleep, until } = require('../cluster/support/wait.js');
const { noHaproxy, startHaproxy } = require('../support/haproxy.js');
const { noRedis, startRedis } = require('../support/redis.js');
const { give, nextOwner, ownerOf, startHubs } = require('./support/hubs.js');
const { assertGoesOn, assertNoConflicts, LOCK_TIMEOUT } = require('./support/published.js');

/** How many workers there are: with the master, some are at each hub. */
const WORKERS = 3;

/** How long all may take to be connected again, in milliseconds. */
const RETURN_LIMIT = 15_000;

/** How long a write may take then, in milliseconds. */
const WRITE_LIMIT = 10_000;

/** What a client may take until it has heard that a hub took it, in milliseconds. */
const WELCOME = 250;

/** In milliseconds: published clients end up to ten seconds after an attempt to connect that was refused. */
const DYING = 12_000;

async function startBehindHaproxy(t) {
  const redis = await startRedis(t);
  const hubs = await startHubs(t, redis.url);
  const port = await startHaproxy(
    t,
    hubs.map(({ address }) => address),
  );
  const cluster = prepareCluster(t, { port, logsLocks: true, lockTimeout: LOCK_TIMEOUT });
  await give(hubs[0], cluster.hubName);
  return { hubs, cluster };
}

/**
 * All processes have a connection, as the owner says, and none by the hub that was lost. What a hub has taken and not
 * welcomed when it is lost ends, and so does who sends before it is connected again.
 */
async function allConnected(owner, cluster, lost) {
  const isThere = ({ away, via }) => !away && !(lost && via === lost.name);
  await until('all clients', RETURN_LIMIT, async () => {
    const { databases } = await owner.status();
    const { peers } = databases.find(({ name }) => name === cluster.hubName) ?? { peers: [] };
    return peers.filter(isThere).length === WORKERS + 1;
  });
  await sleep(WELCOME);
}

async function allWrite(cluster, workers) {
  const writes = [cluster.master, ...workers].map((each) => each.callWithin(WRITE_LIMIT, 'set', each.name, Date.now()));
  await Promise.all(writes);
}

/** Ways to lose a hub. */
const LOSSES = {
  'killed relay': { choose: (hubs) => hubs[1], lose: (hub) => hub.kill() },
  'killed owner': { choose: (hubs) => hubs[0], lose: (hub) => hub.kill() },
  'owner that stands still': { choose: (hubs) => hubs[0], lose: (hub) => hub.pause() },
  'owner that leaves in order': { choose: (hubs) => hubs[0], lose: (hub) => hub.stop() },
};

describe('behind HAProxy', { skip: noRedis || noHaproxy, concurrency: 2 }, () => {
  for (const [what, { choose, lose }] of Object.entries(LOSSES)) {
    test(`the clients of a ${what} are at another hub soon, and nobody ends`, async (t) => {
      const { hubs, cluster } = await startBehindHaproxy(t);
      await cluster.startMaster();
      const workers = await cluster.startWorkers(WORKERS);
      await allConnected(hubs[0], cluster);
      const lost = choose(hubs);
      const rest = hubs.filter((hub) => hub !== lost);
      await lose(lost);
      const struck = Date.now();
      const name = await (lost === hubs[0] ? nextOwner(rest, cluster.hubName, lost) : ownerOf(rest, cluster.hubName));
      await allConnected(
        hubs.find((hub) => hub.name === name),
        cluster,
        lost,
      );
      await allWrite(cluster, workers);
      t.diagnostic(`all wrote ${Date.now() - struck} ms after the loss`);
      await sleep(struck + DYING - Date.now());
      cluster.assertAlive();
      assertNoConflicts(cluster);
    });
  }

  test('the owner is killed under load: all go on', async (t) => {
    const { hubs, cluster } = await startBehindHaproxy(t);
    await assertGoesOn(t, cluster, async () => {
      await hubs[0].kill();
      await nextOwner(hubs.slice(1), cluster.hubName, hubs[0]);
    });
  });
});
