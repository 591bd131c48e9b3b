'use strict';

// A real cluster whose TLS ends at nginx, as docs/proxy.md has it: values that are too long for one frame reach
// subscribers.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { pem } = require('../support/certificates.js');
const { noNginx, startNginx } = require('../support/nginx.js');
const { freePort } = require('../support/port.js');
const { prepareCluster } = require('./support/cluster.js');
const { startHub } = require('./support/hub.js');
const { defer } = require('./support/scope.js');
const { longText, summary } = require('./support/text.js');
const { sleep, until } = require('./support/wait.js');

const TOKEN = 'a-secret-of-this-cluster';

/** In bytes. */
const MEGABYTE = 1_000_000;

/** How long a value may take to its subscriber, in milliseconds. */
const EVENT_LIMIT = 10_000;

/** How long a hub is away that restarts, in milliseconds. */
const ABSENCE = 1000;

/** In milliseconds: published clients end up to ten seconds after an attempt to connect that was refused. */
const DYING = 12_000;

/** A hub behind nginx, and a master and a worker that know of nginx only. */
async function startBehindNginx(t, options) {
  const hub = await startHub(t, { token: TOKEN, ...options });
  const { port } = await startNginx(t, hub.port);
  const cluster = prepareCluster(t, {
    port,
    ipc: { host: '127.0.0.1', ssl: true, token: TOKEN },
    env: { NODE_EXTRA_CA_CERTS: pem().certPath },
  });
  return { hub, cluster, master: await cluster.startMaster(), worker: await cluster.startWorker() };
}

test('a worker and a master exchange values of 1 MB through nginx with TLS', { skip: noNginx }, async (t) => {
  const { cluster, master, worker } = await startBehindNginx(t);
  await master.call('watch', 'from-worker', 'value');
  await worker.call('watch', 'from-master', 'value');
  // Subscriptions are broadcast; nothing tells when the other has heard them.
  await sleep(500);

  const value = summary(longText(MEGABYTE));
  for (const [writer, reader, path] of [
    [worker, master, 'from-worker'],
    [master, worker, 'from-master'],
  ]) {
    await writer.call('setLong', path, MEGABYTE);
    await until(`the event of ${path}`, EVENT_LIMIT, async () => (await reader.call('events')).length > 0);
    assert.deepEqual(await reader.call('events'), [{ event: 'value', path, value }]);
  }
  cluster.assertAlive();
  const audit = await cluster.audit(['from-worker', 'from-master']);
  assert.deepEqual(audit, { 'from-worker': value, 'from-master': value });
});

test('a restart of a hub that keeps its port passes behind nginx', { skip: noNginx }, async (t) => {
  const { hub, cluster, master, worker } = await startBehindNginx(t, { port: await freePort(), keepPort: true });
  defer(t, () => hub.child.call('stop'));
  await hub.child.call('restart', ABSENCE);
  await sleep(DYING);
  cluster.assertAlive();
  await worker.call('set', 'after', 'the restart');
  assert.equal(await master.call('get', 'after'), 'the restart');
});
