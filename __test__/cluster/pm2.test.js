'use strict';

// The pm2 examples, as they are in the package.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { copyExample } = require('./support/example.js');
const { get, openToAll, put } = require('./support/http-api.js');
const { preparePm2 } = require('./support/pm2.js');
const { until } = require('./support/wait.js');

/** How long all may take to come up, in milliseconds. */
const START_LIMIT = 30_000;

const WORKERS = 'db-server';

/**
 * `stoppable`: how many instances of the database server the others can do without. The first one may be the master.
 */
const EXAMPLES = [
  {
    name: 'pm2-dedicated-master',
    processes: ['ipc', 'db-master', WORKERS, WORKERS],
    stoppable: 2,
  },
  { name: 'pm2-app-master', processes: ['ipc', WORKERS, WORKERS], stoppable: 1 },
];

for (const { name, processes, stoppable } of EXAMPLES) {
  test(`${name}: all online, and what one instance writes another one reads`, async (t) => {
    const { folder, httpPort } = await copyExample(t, name);
    openToAll(folder);
    const pm2 = preparePm2(t, folder);
    await pm2.start();
    await until('the API', START_LIMIT, () => put(httpPort, 'greeting', 'Hello, 😀').catch(() => false));

    const list = await pm2.list();
    assert.deepEqual(list.map((app) => app.name).sort(), processes.toSorted());
    assert.deepEqual([...new Set(list.map((app) => app.status))], ['online']);
    assert.deepEqual([...new Set(list.map((app) => app.restarts))], [0]);

    const instances = list.filter((app) => app.name === WORKERS);
    for (const instance of instances.slice(-stoppable)) {
      // What is written while it is stopped, another instance has written.
      await pm2.tell('stop', instance.id);
      const value = `written without instance ${instance.id}`;
      await until('the other instance', START_LIMIT, () => put(httpPort, 'greeting', value).catch(() => false));
      await pm2.tell('restart', instance.id);
      await until('both', START_LIMIT, async () => (await pm2.list()).every((app) => app.status === 'online'));
      // Connections go to the instances in turn.
      for (let connection = 0; connection < 2 * instances.length; connection++) {
        assert.equal(await get(httpPort, 'greeting'), value);
      }
    }
  });
}
