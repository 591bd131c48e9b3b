'use strict';

// A worker holds the write lock, which stops all others, and dies, or seems to.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { hasClient, startCluster } = require('./support/cluster.js');
const { scale } = require('./support/scale.js');
const { sleep, until, within } = require('./support/wait.js');

/** How long others may be stopped by a lock whose holder is dead, in milliseconds. */
const RELEASE_LIMIT = 15_000;

/** A cluster of which one worker holds the write lock, and another one's write waits for it. */
async function waitForLock(t, hubOptions) {
  const { hub, cluster, workers } = await startCluster(t, { hub: hubOptions, workers: 2 });
  const [holder, waiting] = workers;
  await waiting.call('set', 'counter', 1);
  await holder.call('hold', 'counter');
  let isWritten = false;
  const written = waiting.callWithin(120_000, 'set', 'patience', 'rewarded').then(() => {
    isWritten = true;
  });
  // Its end is part of what is tested, but not in each test.
  written.catch(() => {});
  await sleep(500);
  assert.equal(isWritten, false, 'the lock is held');
  return { hub, cluster, holder, waiting, isWritten: () => isWritten };
}

describe('a worker holds the write lock', { concurrency: true }, () => {
  test('killed: the others go on soon', async (t) => {
    const { hub, cluster, holder, isWritten } = await waitForLock(t);
    await holder.end();
    await until('the write', RELEASE_LIMIT, isWritten);
    await until(
      'the empty lock table',
      2000,
      async () => (await hub.child.call('locks', cluster.hubName)).length === 0,
    );
    cluster.assertAlive([holder]);
    assert.deepEqual(await cluster.audit(['counter', 'patience']), { counter: 1, patience: 'rewarded' });
  });

  test('killed, and its locks are not released: the others wait', async (t) => {
    const { holder, isWritten } = await waitForLock(t, { releaseLocksAfter: 0 });
    await holder.end();
    await sleep(RELEASE_LIMIT);
    assert.equal(isWritten(), false);
  });

  // One with the client of this package goes on, and so does its lock.
  test('stopped: its lock is not taken from it', { skip: hasClient('worker1') }, async (t) => {
    const { hub, cluster, holder, isWritten } = await waitForLock(t);
    holder.signal('SIGSTOP');
    await sleep(scale.standstill);
    assert.equal(isWritten(), false);
    const held = (await hub.child.call('locks', cluster.hubName)).filter((lock) => lock.state === 'held' && lock.write);
    assert.deepEqual(
      held.map((lock) => lock.path),
      ['counter'],
    );
    holder.signal('SIGCONT');
    // A published client that has stood still for more than 10 s ends itself by its own ping timer, and only then is
    // dead.
    const { signal } = await within('the end of the holder', 5000, holder.exited);
    assert.equal(signal, null);
    assert.match(holder.lastWords, /valid error code number/);
    await until('the write', RELEASE_LIMIT, isWritten);
    cluster.assertAlive([holder]);
    assert.deepEqual(await cluster.audit(['counter', 'patience']), { counter: 1, patience: 'rewarded' });
  });
});
