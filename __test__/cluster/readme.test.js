'use strict';

// The README's quick start as it is written, on other ports: three lines for the server, and one for each kind of
// process.

const assert = require('node:assert/strict');
const { existsSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { test } = require('node:test');

const { freePort } = require('../support/port.js');
const { start } = require('../support/process.js');
const { blocksOf } = require('../support/readme.js');
const { linkPackages } = require('./support/packages.js');
const { defer, deferFolder } = require('./support/scope.js');
const { until } = require('./support/wait.js');

/** How long all may take to come up, in milliseconds. */
const START_LIMIT = 30_000;

const [THREE_LINES, [IPC, DATABASE, SERVER]] = (() => {
  const [first, second] = blocksOf('Quick start');
  return [first, second.trim().split('\n')];
})();

/** A folder like its reader's, and a way to run scripts there. */
async function makeProject(t) {
  const folder = deferFolder(t, 'readme');
  linkPackages(folder);
  const [hubPort, httpPort] = [await freePort(), await freePort()];
  return {
    folder,
    httpPort,
    run(name, ...lines) {
      const script = lines.join('\n').replaceAll('9163', hubPort).replaceAll('5757', httpPort);
      writeFileSync(path.join(folder, name), script);
      const program = start(t, process.execPath, [name], { cwd: folder });
      // Before the folder goes.
      defer(t, async () => {
        program.child.kill('SIGKILL');
        await program.ended;
      });
      return program;
    },
    has: (file) => existsSync(path.join(folder, file)),
  };
}

const DATABASE_CLASS = "const { AceBase } = require('acebase');";
const SERVER_CLASS = "const { AceBaseServer } = require('acebase-server');";

/** What the server says to whoever asks: signing in is not what is tested. */
async function answers(port) {
  const response = await fetch(`http://localhost:${port}/ext/test`).catch(() => undefined);
  return response !== undefined;
}

test('a server, a master, and a database server that is a worker', async (t) => {
  const project = await makeProject(t);
  await project.run('hub.js', THREE_LINES).printed(/running on port/);
  const master = project.run(
    'master.js',
    DATABASE_CLASS,
    IPC,
    DATABASE,
    "db.ready(async () => { await db.ref('greeting').set('Hello'); console.log('is written'); });",
  );
  await master.printed(/is written/);
  const worker = project.run(
    'server.js',
    SERVER_CLASS,
    IPC.replace("'master'", "'worker'"),
    SERVER,
    "server.ready(async () => console.log('reads', (await server.db.ref('greeting').get()).val()));",
  );
  await worker.printed(/reads Hello/);
  await until('the API', START_LIMIT, () => answers(project.httpPort));
});

test('AceBaseServer respects its own path beside ipc', async (t) => {
  const project = await makeProject(t);
  await project.run('hub.js', THREE_LINES).printed(/running on port/);
  const withPath = SERVER.replace('ipc }', "path: './elsewhere', ipc }");
  assert.notEqual(withPath, SERVER);
  const server = project.run(
    'server.js',
    SERVER_CLASS,
    IPC,
    "require('node:fs').mkdirSync('elsewhere');",
    withPath,
    "server.ready(async () => { await server.db.ref('greeting').set('Hello'); console.log('is written'); });",
  );
  await server.printed(/is written/);
  assert.ok(project.has('elsewhere/mydb.acebase/data.db'));
  assert.ok(!project.has('mydb.acebase'));
});
