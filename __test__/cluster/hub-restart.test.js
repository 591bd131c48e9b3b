'use strict';

// The hub is killed, or stopped, under load and comes back seconds later, on a port that was never closed.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { freePort, isOpen } = require('../support/port.js');
const { hasClient, prepareCluster } = require('./support/cluster.js');
const { copyExample } = require('./support/example.js');
const { HOST, startCommand, startHub } = require('./support/hub.js');
const { assertSameView, assertStored, LoadedWorkers } = require('./support/loaded.js');
const { exchangeNews, watchNews } = require('./support/news.js');
const { preparePm2 } = require('./support/pm2.js');
const { scale } = require('./support/scale.js');
const { defer, endProcess } = require('./support/scope.js');
const { sleep, until } = require('./support/wait.js');

/** How long the hub is away, in milliseconds. */
const ABSENCE = 3000;

/** How long a hub may take to start, in milliseconds. */
const START_LIMIT = 10_000;

/** How long the load runs before the hub is killed, in milliseconds. */
const PRELUDE = 3000;

/** How long after the hub's return all workers may take to write again, in milliseconds. */
const RECOVERY_LIMIT = 15_000;

/**
 * AceBase's own, in seconds: what frees the database from locks whose release died with the hub. Longer than the hub is
 * away, or transactions that wait for it would expire.
 */
const LOCK_TIMEOUT = 5;

/** After how long a request counts as lost, in milliseconds: what the hub had not delivered died with it. */
const GIVE_UP = 9000;

/** What a client process prints that is ended by its own ping timer: the end of those that were refused once. */
const REFUSED_DEATH = /valid error code number/;

/** A client that sends while it has no connection may end itself, hub or no hub: see connection-cuts.test.js. */
const OWN_DEATH = /readyState 0 \(CONNECTING\)/;

/** Ways to run a hub on a port, to kill it, and to have it back. */
const RUNNERS = {
  async command(t, args = []) {
    const port = await freePort();
    const start = () => startCommand(t, ['host=localhost', `port=${port}`, ...args]);
    let hub = await start();
    return {
      port,
      async killAndReturn() {
        await hub.end();
        await sleep(ABSENCE);
        hub = await start();
      },
    };
  },

  async class(t) {
    const port = await freePort();
    const hub = await startHub(t, { port, keepPort: true });
    defer(t, () => hub.child.call('stop'));
    return { port, killAndReturn: () => hub.child.callWithin(ABSENCE + START_LIMIT, 'restart', ABSENCE) };
  },

  async pm2(t) {
    const { folder, hubPort, edit } = await copyExample(t, 'pm2-dedicated-master');
    // The end of the test is an orderly one: what keeps the port goes only if the hub says so.
    edit('start-ipc-server.js', 'server.start();', "server.start();\nprocess.once('SIGINT', () => server.stop());");
    edit('ecosystem.config.js', 'name: "ipc"', `name: "ipc", restart_delay: ${ABSENCE}`);
    const pm2 = preparePm2(t, folder);
    await pm2.start('--only', 'ipc');
    // A client that is refused at the start ends itself as well.
    await until('the hub', START_LIMIT, () => isOpen(hubPort, HOST));
    const find = async () => (await pm2.list())[0];
    const isBack = async ({ pid, restarts }) => restarts === 1 && pid !== 0;
    return {
      port: hubPort,
      async killAndReturn() {
        endProcess((await find()).pid);
        await until('the hub', ABSENCE + START_LIMIT, async () => isBack(await find()));
      },
    };
  },
};

/** A cluster under load whose hub is killed and returns. */
async function killHub(t, runner) {
  const cluster = prepareCluster(t, { port: runner.port, lockTimeout: LOCK_TIMEOUT });
  await cluster.startMaster();
  const loaded = new LoadedWorkers(cluster, { loops: 2, pause: 10, giveUpAfter: GIVE_UP });
  await loaded.start(3, watchNews);
  await sleep(PRELUDE);
  await runner.killAndReturn();
  return { cluster, loaded };
}

async function assertRecovery(t, runner) {
  const { cluster, loaded } = await killHub(t, runner);
  const back = Date.now();
  await until('writes of all workers', RECOVERY_LIMIT, async () => {
    // On a busy machine the hub may be away for longer than published clients wait for their handshake, which is five
    // seconds: then they end themselves just as it is back.
    await loaded.replaceDead(OWN_DEATH);
    return loaded.allWroteSince(back);
  });
  t.diagnostic(`all workers wrote ${Date.now() - back} ms after the hub's return`);
  await sleep(back + scale.aftermath - Date.now());
  const reports = await loaded.stop();
  t.diagnostic(`${loaded.dead.length} processes ended themselves: they sent while they reconnected`);
  t.diagnostic(`${reports.reduce((sum, report) => sum + report.lost, 0)} requests died with the hub`);
  cluster.assertAlive(loaded.dead);

  await exchangeNews(loaded.workers);
  const tree = await assertStored(cluster, reports);
  await assertSameView(loaded.workers, tree);
}

describe('the hub is restarted under load', { concurrency: true }, () => {
  test('from the command line: the cluster goes on', async (t) => {
    await assertRecovery(t, await RUNNERS.command(t));
  });

  test('stopped in order and started again: the cluster goes on', async (t) => {
    await assertRecovery(t, await RUNNERS.class(t));
  });

  test('as a pm2 app: the cluster goes on', async (t) => {
    await assertRecovery(t, await RUNNERS.pm2(t));
  });

  test('without keeping the port, published clients die', { skip: hasClient('master') }, async (t) => {
    const { cluster } = await killHub(t, await RUNNERS.command(t, ['keep_port=false']));
    await sleep(scale.aftermath);
    const dead = cluster.processes.filter((child) => !child.isAlive);
    assert.ok(
      dead.some((child) => REFUSED_DEATH.test(child.lastWords)),
      dead.map((child) => child.lastWords).join('\n'),
    );
  });
});
