'use strict';

// A server that cannot start, under pm2: in each of its modes the process ends with status 1, and the log says why. pm2
// itself listens for unhandled rejections and lets a process with one go on.

const assert = require('node:assert/strict');
const { readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { COMMAND } = require('../support/process.js');
const { linkPackages } = require('./support/packages.js');
const { preparePm2 } = require('./support/pm2.js');
const { deferFolder } = require('./support/scope.js');
const { until } = require('./support/wait.js');

/** How long all may take to come up and to end, in milliseconds. */
const LIMIT = 30_000;

/** An address of no machine. */
const OPTIONS = "{ host: '203.0.113.1', port: 9163 }";

const SCRIPTS = {
  'three-lines.js': `
    const { AceBaseIPCServer } = require('acebase-ipc-server');
    const server = new AceBaseIPCServer(${OPTIONS});
    server.start();`,
  'module.mjs': `
    import { AceBaseIPCServer } from 'acebase-ipc-server';
    await new AceBaseIPCServer(${OPTIONS}).start();`,
  'command.js': `
    process.argv.push('host=203.0.113.1');
    require(${JSON.stringify(COMMAND)});`,
  'owner.js': `
    process.on('unhandledRejection', () => {});
    const { AceBaseIPCServer } = require('acebase-ipc-server');
    new AceBaseIPCServer(${OPTIONS}).start();
    setInterval(() => {}, 1000);`,
};

test('a server that cannot start ends its process, unless its owner listens for unhandled rejections', async (t) => {
  const folder = deferFolder(t, 'pm2');
  linkPackages(folder);
  const apps = [];
  for (const [script, text] of Object.entries(SCRIPTS)) {
    writeFileSync(path.join(folder, script), text);
    for (const mode of ['fork', 'cluster']) {
      apps.push({ name: `${script} ${mode}`, script: `./${script}`, exec_mode: mode, autorestart: false });
    }
  }
  writeFileSync(path.join(folder, 'ecosystem.config.js'), `module.exports = ${JSON.stringify({ apps })}`);
  const pm2 = preparePm2(t, folder);
  await pm2.start();

  const isOwners = (app) => app.name.startsWith('owner.js');
  const list = await until('the ends', LIMIT, async () => {
    const all = await pm2.list();
    return all.every((app) => isOwners(app) || app.status === 'stopped') && all;
  });
  for (const app of list.filter((app) => !isOwners(app))) {
    assert.equal(app.exitCode, 1, app.name);
    assert.match(readFileSync(app.logs[1], 'utf8'), /cannot listen on 203\.0\.113\.1/, app.name);
  }
  assert.deepEqual(
    list.filter(isOwners).map((app) => app.status),
    ['online', 'online'],
  );
});
