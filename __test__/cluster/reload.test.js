'use strict';

// `pm2 reload` of the example whose first instance is the master: the new master starts before the old one ends.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { prepareCluster } = require('./support/cluster.js');
const { copyExample } = require('./support/example.js');
const { get, openToAll, put } = require('./support/http-api.js');
const { preparePm2 } = require('./support/pm2.js');
const { defer } = require('./support/scope.js');
const { sleep, until } = require('./support/wait.js');

/** How long all may take to come up, in milliseconds. */
const START_LIMIT = 30_000;

/**
 * How long all may take after the reload, in milliseconds. pm2 ends the old processes three seconds after it has
 * started the new ones, whether those listen or not: until they have started there is no master, or nobody listens. On
 * a busy machine that was 13 s, and 43 s where a new master was sent away because files had changed.
 */
const RECOVERY_LIMIT = 60_000;

/** So many writes in a row show that all goes on. Few: each takes most of a second where the machine is busy. */
const WRITES_AFTERWARDS = 10;

/** What a new master is not asked for yet, it has been asked for after so long, in milliseconds. */
const SETTLED = 2000;

/** What pm2 counts for the reload itself. */
const RELOADED = 1;

const SERVERS = 'db-server';

/** The example, running and reachable. */
async function startExample(t) {
  const { folder, hubPort, httpPort } = await copyExample(t, 'pm2-app-master');
  openToAll(folder);
  const pm2 = preparePm2(t, folder);
  await pm2.start();
  await until('the API', START_LIMIT, () => put(httpPort, 'before', 'the reload').catch(() => false));
  await sleep(SETTLED);
  const servers = async () => (await pm2.list()).filter((app) => app.name === SERVERS);
  const cluster = prepareCluster(t, { port: hubPort, dbname: 'mydb', folder });
  return { pm2, servers, httpPort, cluster };
}

describe('pm2 reload', { concurrency: false }, () => {
  test('passes without a restart where nothing is written meanwhile', async (t) => {
    const { pm2, servers, httpPort, cluster } = await startExample(t);
    const before = await servers();
    await pm2.tell('reload', SERVERS);
    await until('the API', RECOVERY_LIMIT, () => put(httpPort, 'after', 'the reload').catch(() => false));
    const after = await servers();
    assert.deepEqual(
      after.map(({ status, restarts }) => ({ status, restarts })),
      before.map(() => ({ status: 'online', restarts: RELOADED })),
    );
    assert.ok(after.every(({ pid }) => before.every((old) => old.pid !== pid)));
    assert.equal(await get(httpPort, 'before'), 'the reload');
    await pm2.tell('delete', 'all');
    assert.deepEqual(await cluster.audit(['before', 'after']), { before: 'the reload', after: 'the reload' });
  });

  test('under load leaves the files whole, and all that was confirmed in them', async (t) => {
    const { pm2, httpPort, cluster } = await startExample(t);
    const confirmed = [];
    let isOver = false;
    // Also where the test fails: a loop that goes on would keep the test's process for ever.
    defer(t, () => {
      isOver = true;
    });
    const writing = (async () => {
      for (let n = 0; !isOver; n++) {
        const key = `write-${String(n).padStart(16, '0')}`;
        await put(httpPort, `load/${key}`, `value ${n}`).then(
          () => confirmed.push(key),
          () => {},
        );
        await sleep(10);
      }
    })();
    await sleep(SETTLED);
    await pm2.tell('reload', SERVERS);
    const reloaded = confirmed.length;
    await until('writes', RECOVERY_LIMIT, () => confirmed.length >= reloaded + WRITES_AFTERWARDS);
    isOver = true;
    await writing;
    await pm2.tell('delete', 'all');
    const { load } = await cluster.audit(['load']);
    const missing = confirmed.filter((key) => load[key] === undefined);
    assert.deepEqual(missing, []);
    t.diagnostic(`${confirmed.length} writes were confirmed`);
  });
});
