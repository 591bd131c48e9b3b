'use strict';

// Processes that have closed their database end by themselves, though published clients leave their socket open.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');
const path = require('node:path');

const { freePort, isOpen } = require('../support/port.js');
const { startChild } = require('./support/child.js');
const { prepareCluster, startCluster } = require('./support/cluster.js');
const { copyExample } = require('./support/example.js');
const { HOST, startHub } = require('./support/hub.js');
const { until, within } = require('./support/wait.js');

const JOB = path.join(__dirname, 'support', 'job-process.js');

/** How long a job may take: to start, to write, and to end. In milliseconds. */
const JOB_LIMIT = 20_000;

/** How long a server may take to start, in milliseconds. */
const START_LIMIT = 30_000;

/** A script that opens the database, writes, and closes it. Its exit tells how it ended. */
function runJob(t, hub, cluster, { role, key, bytes }) {
  const storage = { path: cluster.folder, ipc: { host: HOST, port: hub.port, role } };
  const child = startChild(t, `${role} job`, JOB, [JSON.stringify({ name: cluster.dbname, storage, key, bytes })]);
  return within(`the end of the ${role} job`, JOB_LIMIT, child.exited);
}

describe('processes that have closed their database', () => {
  test("a worker's job ends by itself, and all that it told arrives", async (t) => {
    const { hub, cluster, workers } = await startCluster(t, { workers: 1 });
    const [other] = workers;
    await other.call('watch', 'jobs', 'child_added');
    // The second value is sent with POST, beside the connection.
    const keys = ['jobs/small', 'jobs/large'];
    for (const [n, key] of keys.entries()) {
      const { code, signal } = await runJob(t, hub, cluster, { role: 'worker', key, bytes: n * 200_000 });
      assert.deepEqual({ code, signal }, { code: 0, signal: null });
    }
    const seen = async () => (await other.call('events')).map((event) => event.path);
    await until('the news of both', JOB_LIMIT, async () => (await seen()).length === keys.length);
    assert.deepEqual(await seen(), keys);
    await cluster.master.call('set', 'after', 1);
    assert.deepEqual(await hub.child.call('warnings'), []);
  });

  test("a master's job ends by itself, with and without workers", async (t) => {
    const hub = await startHub(t);
    const cluster = prepareCluster(t, { port: hub.port });
    for (const key of ['first', 'second']) {
      const { code, signal } = await runJob(t, hub, cluster, { role: 'master', key, bytes: 10 });
      assert.deepEqual({ code, signal }, { code: 0, signal: null });
      await until(
        'its departure',
        JOB_LIMIT,
        async () => (await hub.child.call('clients', cluster.hubName)).length === 0,
      );
    }
    const stored = await cluster.audit(['first', 'second']);
    assert.ok(stored.first && stored.second);
  });

  test('acebase-server ends on SIGINT, master and worker', async (t) => {
    const { folder, hubPort, edit } = await copyExample(t, 'pm2-app-master');
    const hub = await startHub(t, { port: hubPort });
    const isEdited = edit('start-db-server.js', /port: \d+, ipc/g, 'port: Number(process.env.HTTP_PORT), ipc');
    assert.ok(isEdited, 'the example is as this test knows it');
    const start = async (instance) => {
      const port = await freePort();
      // It finds its database in the folder where it runs.
      const launcher = ['/usr/bin/env', '-C', folder];
      const env = { NODE_APP_INSTANCE: instance, HTTP_PORT: String(port) };
      const script = path.join(folder, 'start-db-server.js');
      const server = startChild(t, `instance ${instance}`, script, [], env, launcher);
      await until('its API', START_LIMIT, () => isOpen(port, HOST));
      return server;
    };
    const master = await start('0');
    const worker = await start('1');
    assert.equal((await hub.child.call('clients', 'mydb_data')).length, 2);
    for (const server of [worker, master]) {
      server.signal('SIGINT');
      const { signal } = await within(`the end of ${server.name}`, JOB_LIMIT, server.exited);
      assert.equal(signal, null, server.lastWords);
    }
  });
});
