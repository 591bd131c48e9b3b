'use strict';

// Two processes with the master's role: one is the master, the other waits, writes nothing, and can take over.

const assert = require('node:assert/strict');
const { describe, test } = require('node:test');

const { startCluster } = require('../cluster/support/cluster.js');
const { sleep, until, within } = require('../cluster/support/wait.js');
const { noSignals } = require('../support/platform.js');
const { ENV } = require('./support/client.js');

/** How long what must happen may take, in milliseconds. */
const LIMIT = 20_000;

/** How long a second master is watched, in milliseconds: published ones end within it. */
const WATCH = 18_000;

/** How long a write may wait beyond that, in milliseconds: a busy machine takes its time for all that comes before. */
const PATIENCE = 60_000;

/** How many values are written before and after. */
const VALUES = 40;

async function writeAll(process, stage, expected) {
  for (let n = 0; n < VALUES; n++) {
    const text = `${stage} ${n} `.repeat(1 + (n % 30));
    await process.call('set', `values/${stage}-value-number-${n}`, { text });
    expected[`${stage}-value-number-${n}`] = { text };
  }
}

/** No time is lost by waiting for the other one. */
const options = { concurrency: 2 };

describe('two masters', options, () => {
  test('a second master writes nothing, stays, and takes over with tables read anew (fails with the published client)', async (t) => {
    const { cluster, master, workers, hub } = await startCluster(t, { workers: 1, env: ENV });
    hub.expectsRefusals = true;
    const expected = {};
    await writeAll(workers[0], 'before', expected);
    const second = cluster.spawnMaster();
    const write = second.callWithin(WATCH + PATIENCE, 'set', 'values/of-the-second', true);
    write.catch(() => {});
    await until('the refusal', LIMIT, async () =>
      (await second.call('states')).some(({ state }) => state === 'refused'),
    );
    // The tables in its memory are old by now.
    await writeAll(workers[0], 'meanwhile', expected);
    await sleep(WATCH);
    cluster.assertAlive();
    assert.equal(await workers[0].call('get', 'values/of-the-second'), null);

    await master.end();
    await within('the write', LIMIT, write);
    expected['of-the-second'] = true;
    await writeAll(second, 'after', expected);
    await writeAll(workers[0], 'with-the-second', expected);
    for (const process of [second, workers[0]]) {
      assert.deepEqual(await process.call('get', 'values'), expected, process.name);
    }
    await second.call('close');
    assert.deepEqual((await cluster.audit(['values'])).values, expected);
    cluster.assertAlive([master]);
  });

  test('one that hangs is replaced; when it goes on, it writes nothing until the other has left', {
    skip: noSignals,
  }, async (t) => {
    const { cluster, master, workers, hub } = await startCluster(t, { workers: 1, env: ENV });
    hub.expectsRefusals = true;
    const expected = {};
    await writeAll(workers[0], 'before', expected);
    master.signal('SIGSTOP');
    const next = await cluster.startMaster();
    await writeAll(next, 'next', expected);
    master.signal('SIGCONT');
    // What it begins before it has read that its connection is gone, it writes: nobody could tell it.
    await until('the refusal', LIMIT, async () =>
      (await master.call('states')).some(({ state }) => state === 'refused'),
    );
    const write = master.callWithin(WATCH + PATIENCE, 'set', 'values/of-the-first', true);
    write.catch(() => {});
    await writeAll(workers[0], 'meanwhile', expected);
    assert.equal(await next.call('get', 'values/of-the-first'), null);
    await writeAll(next, 'later', expected);
    await next.end();
    await within('the write', LIMIT, write);
    expected['of-the-first'] = true;
    await writeAll(workers[0], 'after', expected);
    assert.deepEqual(await master.call('get', 'values'), expected);
    assert.deepEqual((await cluster.audit(['values'])).values, expected);
    cluster.assertAlive([next]);
  });
});
