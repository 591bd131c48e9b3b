'use strict';

// How processes with the client end: when they may, in order, and without leaving locks behind.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { prepareCluster } = require('../cluster/support/cluster.js');
const { startHub } = require('../cluster/support/hub.js');
const { LoadedWorkers } = require('../cluster/support/loaded.js');
const { sleep, until, within } = require('../cluster/support/wait.js');
const { makeFolder } = require('../support/folder.js');
const { noSignals } = require('../support/platform.js');
const { start } = require('../support/process.js');
const { startBareHub } = require('./support/bare-hub.js');
const { ENV, PRELOADED } = require('./support/client.js');

/** How long the end of a process may take, or a request, in milliseconds: a busy machine is no failure. */
const END_LIMIT = 30_000;

/** How often a master is restarted under load. */
const RESTARTS = 3;

/**
 * How long a write may take meanwhile, in milliseconds. On a busy machine a master takes several seconds to start, and
 * is there for less than one: a write may have to wait for each of them.
 */
const WRITE_LIMIT = RESTARTS * END_LIMIT;

/** Starts a master that does something when it is ready. */
function startMaster(t, port, action) {
  const storage = { path: makeFolder(t, 'leaving'), ipc: { host: '127.0.0.1', port, role: 'master' } };
  const script = `
    const { AceBase } = require('acebase');
    const db = new AceBase('leaving', { logLevel: 'error', storage: ${JSON.stringify(storage)} });
    db.ready(async () => { ${action} });`;
  return start(t, process.execPath, [...PRELOADED, '-e', script]);
}

/** Whatever master there is now serves all workers. */
async function untilAllWrite(load) {
  const began = Date.now();
  await until('writes of all workers', END_LIMIT, () => load.allWroteSince(began));
}

describe('a process leaves', { concurrency: 2 }, () => {
  test('close() lets it end (fails with the published client)', async (t) => {
    const hub = await startBareHub(t);
    const { ended } = startMaster(t, hub.port, 'await db.close(); console.log("closed");');
    const { code, stdout, stderr } = await within('the end', END_LIMIT, ended);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /closed/);
  });

  test('close() says farewell, and closes the connection (fails with the published client)', async (t) => {
    const hub = await startBareHub(t);
    await startMaster(t, hub.port, 'await db.close();').ended;
    await until('the end', END_LIMIT, () => hub.ended.length > 0);
    assert.deepEqual(hub.ended, [{ from: '[master]', code: 1000 }]);
    assert.equal(hub.messages('bye').length, 1);
  });

  test('close() lets it end where the hub is gone', { skip: noSignals }, async (t) => {
    const hub = await startBareHub(t);
    const program = startMaster(t, hub.port, 'console.log("ready"); process.on("SIGUSR2", () => db.close());');
    await program.printed(/ready/);
    await hub.stop();
    await sleep(500);
    program.child.kill('SIGUSR2');
    const { code, stderr } = await within('the end', END_LIMIT, program.ended);
    assert.equal(code, 0, stderr);
  });

  test('process.exit() says farewell (fails with the published client)', async (t) => {
    const hub = await startBareHub(t);
    const action = 'await db.ref("one").set(1); process.exit(3);';
    const { code } = await startMaster(t, hub.port, action).ended;
    assert.equal(code, 3);
    await until('the end', END_LIMIT, () => hub.ended.length > 0);
    assert.deepEqual(hub.ended, [{ from: '[master]', code: 1000 }]);
    assert.equal(hub.messages('bye').length, 1);
  });

  for (const signal of ['SIGTERM', 'SIGINT']) {
    test(`${signal} ends it, after the write under way (fails with the published client)`, {
      skip: noSignals,
    }, async (t) => {
      const hub = await startHub(t);
      const cluster = prepareCluster(t, { port: hub.port, env: ENV });
      await cluster.startMaster();
      const [writer, other] = await cluster.startWorkers(2);
      await other.call('set', 'before', true);
      await writer.call('holdFor', 'long', 500);
      writer.signal(signal);
      const exit = await within('the end', END_LIMIT, writer.exited);
      assert.equal(exit.signal, signal);
      const began = Date.now();
      await other.call('set', 'after', true);
      assert.ok(Date.now() - began < 5000, 'the lock was left behind');
      assert.deepEqual(await other.call('get', 'long'), { held: 500 });
    });
  }

  test('a master that is restarted by SIGTERM refuses no write of a worker', { skip: noSignals }, async (t) => {
    const hub = await startHub(t);
    const cluster = prepareCluster(t, { port: hub.port, env: ENV });
    await cluster.startMaster();
    const load = new LoadedWorkers(cluster, { loops: 3, pause: 5, giveUpAfter: WRITE_LIMIT });
    await load.start(2);
    for (let n = 0; n < RESTARTS; n++) {
      await untilAllWrite(load);
      const { master } = cluster;
      await master.call('startLoad', 'load/master', { loops: 1, pause: 5, giveUpAfter: END_LIMIT });
      await sleep(100);
      master.signal('SIGTERM');
      await within('the end', END_LIMIT, master.exited);
      await cluster.startMaster();
    }
    for (const { name, confirmed, failures, lost } of await load.stop()) {
      assert.ok(confirmed.length > 0, name);
      assert.deepEqual({ failures, lost }, { failures: [], lost: 0 }, name);
    }
  });

  for (const [what, env] of Object.entries({ 'that have it, too,': ENV, 'without it': {} })) {
    test(`a master that closes its database refuses no write of workers ${what} (fails with the published client)`, async (t) => {
      const hub = await startHub(t);
      const near = prepareCluster(t, { port: hub.port, env: ENV });
      const far = prepareCluster(t, { port: hub.port, env, folder: near.folder });
      await near.startMaster();
      const load = new LoadedWorkers(far, { loops: 3, pause: 5, giveUpAfter: WRITE_LIMIT });
      await load.start(2);
      for (let n = 0; n < RESTARTS; n++) {
        await untilAllWrite(load);
        const { master } = near;
        await within('the end', END_LIMIT, master.call('close'));
        await sleep(200);
        await master.end();
        await near.startMaster();
      }
      for (const { name, confirmed, failures, lost } of await load.stop()) {
        assert.ok(confirmed.length > 0, name);
        assert.deepEqual({ failures, lost }, { failures: [], lost: 0 }, name);
      }
    });
  }

  test('a master that closes lets a long transaction end, and what waits behind it goes to the next master', async (t) => {
    const hub = await startHub(t);
    const cluster = prepareCluster(t, { port: hub.port, env: ENV });
    await cluster.startMaster();
    const [worker, other] = await cluster.startWorkers(2);
    await worker.call('holdFor', 'long', 1500);
    const closed = cluster.master.call('close');
    const late = other.callWithin(END_LIMIT, 'set', 'late', true);
    await within('the end', END_LIMIT, closed);
    await cluster.master.end();
    await cluster.startMaster();
    await late;
    assert.deepEqual(await worker.call('get', 'long'), { held: 1500 });
  });

  test('a program that listens to a signal itself decides itself', { skip: noSignals }, async (t) => {
    const hub = await startBareHub(t);
    const action = 'process.on("SIGTERM", () => setTimeout(() => process.exit(4), 100)); console.log("ready");';
    const program = startMaster(t, hub.port, action);
    await program.printed(/ready/);
    program.child.kill('SIGTERM');
    assert.equal((await program.ended).code, 4);
  });

  test('a process without a database ends by a signal as ever', async (t) => {
    const program = start(t, process.execPath, [...PRELOADED, '-e', 'console.log("up"); setInterval(() => {}, 1000)']);
    await program.printed(/up/);
    program.child.kill('SIGTERM');
    assert.equal((await program.ended).signal, 'SIGTERM');
  });
});
