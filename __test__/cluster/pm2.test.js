'use strict';

// The pm2 examples, as they are in the package.

const assert = require('node:assert/strict');
const http = require('node:http');
const { mkdirSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { copyExample } = require('./support/example.js');
const { preparePm2 } = require('./support/pm2.js');
const { until } = require('./support/wait.js');

/** How long all may take to come up, in milliseconds. */
const START_LIMIT = 30_000;

const WORKERS = 'AceBase database server';

/** `stoppable`: how many instances of the database server the others can do without. The first one may be the master. */
const EXAMPLES = [
  {
    name: 'pm2-dedicated-master',
    processes: ['AceBase IPC Server', 'AceBase database master', WORKERS, WORKERS],
    stoppable: 2,
  },
  { name: 'pm2-app-master', processes: ['AceBase IPC Server', WORKERS, WORKERS], stoppable: 1 },
];

for (const { name, processes, stoppable } of EXAMPLES) {
  test(`${name}: all online, and what one instance writes another one reads`, async (t) => {
    const { folder, httpPort } = await copyExample(t, name);
    openToAll(folder);
    const pm2 = preparePm2(t, folder);
    await pm2.start();
    await until('the API', START_LIMIT, () => put(httpPort, 'Hello, 😀').catch(() => false));

    const list = await pm2.list();
    assert.deepEqual(list.map((app) => app.name).sort(), processes.toSorted());
    assert.deepEqual([...new Set(list.map((app) => app.status))], ['online']);
    assert.deepEqual([...new Set(list.map((app) => app.restarts))], [0]);

    const instances = list.filter((app) => app.name === WORKERS);
    for (const instance of instances.slice(-stoppable)) {
      // What is written while it is stopped, another instance has written.
      await pm2.tell('stop', instance.id);
      const value = `written without instance ${instance.id}`;
      await until('the other instance', START_LIMIT, () => put(httpPort, value).catch(() => false));
      await pm2.tell('restart', instance.id);
      await until('both', START_LIMIT, async () => (await pm2.list()).every((app) => app.status === 'online'));
      // Connections go to the instances in turn.
      for (let connection = 0; connection < 2 * instances.length; connection++) {
        assert.equal(await get(httpPort), value);
      }
    }
  });
}

/** Rules that let everybody in, where `acebase-server` looks for them: signing in is not what is tested. */
function openToAll(folder) {
  const database = path.join(folder, 'mydb.acebase');
  mkdirSync(database);
  writeFileSync(path.join(database, 'rules.json'), JSON.stringify({ rules: { '.read': true, '.write': true } }));
}

async function put(port, value) {
  await request(port, 'PUT', { val: value });
  return true;
}

async function get(port) {
  return (await request(port, 'GET')).val;
}

/** Asks the HTTP API over a new connection, for pm2 distributes connections. */
function request(port, method, body) {
  const headers = { 'content-type': 'application/json' };
  return new Promise((resolve, reject) => {
    const options = { host: 'localhost', port, method, path: '/data/mydb/greeting', headers, agent: false };
    const asked = http.request(options, async (response) => {
      const text = (await response.toArray()).join('');
      response.statusCode < 300 ? resolve(JSON.parse(text)) : reject(new Error(`${response.statusCode}: ${text}`));
    });
    asked.on('error', reject);
    asked.end(body && JSON.stringify(body));
  });
}
