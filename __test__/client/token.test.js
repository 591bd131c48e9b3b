'use strict';

// A token that is wrong for a while, at a real acebase-server: nobody ends, and what its users asked for is done when
// the token is right.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { linkPackages } = require('../cluster/support/packages.js');
const { get, openToAll, put } = require('../cluster/support/http-api.js');
const { startHub } = require('../cluster/support/hub.js');
const { defer, deferFolder } = require('../cluster/support/scope.js');
const { sleep, until, within } = require('../cluster/support/wait.js');
const { freePort } = require('../support/port.js');
const { start } = require('../support/process.js');
const { PRELOADED } = require('./support/client.js');

/** How long what must happen may take, in milliseconds. */
const LIMIT = 45_000;

/** Longer than published clients live on when they are refused, in milliseconds. */
const AFTERMATH = 11_500;

const TOKEN = 'right-and-proper';

/** A master and a database server, in a folder like their user's. */
function makeProject(t, port) {
  const folder = deferFolder(t, 'token');
  linkPackages(folder);
  openToAll(folder);
  const run = (script) => {
    const program = start(t, process.execPath, [...PRELOADED, '-e', script], { cwd: folder });
    defer(t, async () => {
      program.child.kill('SIGKILL');
      await program.ended;
    });
    return program;
  };
  const ipc = (role) => JSON.stringify({ host: '127.0.0.1', port, token: TOKEN, role });
  return {
    startMaster: () =>
      run(`const { AceBase } = require('acebase');
        const db = new AceBase('mydb', { storage: { ipc: ${ipc('master')} } });
        db.ready(() => console.log('is ready'));`),
    startServer: (httpPort) =>
      run(`const { AceBaseServer } = require('acebase-server');
        const server = new AceBaseServer('mydb', { host: 'localhost', port: ${httpPort}, authentication: { enabled: false },
          ipc: ${ipc('worker')} });
        server.ready(() => console.log('is ready'));`),
  };
}

test('a token that is wrong, then right, with acebase-server (fails with the published client)', async (t) => {
  const port = await freePort();
  const startWith = (token) => startHub(t, { host: '127.0.0.1', port, token });
  const project = makeProject(t, port);

  let hub = await startWith(TOKEN);
  const master = project.startMaster();
  await within('the master', LIMIT, master.printed(/is ready/));
  const httpPort = await freePort();
  const server = project.startServer(httpPort);
  await within('the server', LIMIT, server.printed(/is ready/));
  await until('the API', LIMIT, () => put(httpPort, 'first', 1).catch(() => false));

  await hub.child.end();
  hub = await startWith('another');
  hub.expectsRefusals = true;
  await until('the refusal', LIMIT, () => /token is wrong/.test(server.stdout + server.stderr));
  const waiting = put(httpPort, 'second', 2).catch((error) => error.message);
  await sleep(AFTERMATH);
  assert.deepEqual([master.child.exitCode, server.child.exitCode], [null, null], server.stderr);

  await hub.child.end();
  hub = await startWith(TOKEN);
  await until('a write', LIMIT, () => put(httpPort, 'third', 3).catch(() => false));
  // Its user's patience was shorter than the trouble; what the server was asked for is done nevertheless.
  await waiting;
  assert.deepEqual(
    [await get(httpPort, 'first'), await get(httpPort, 'second'), await get(httpPort, 'third')],
    [1, 2, 3],
  );
  assert.deepEqual([master.child.exitCode, server.child.exitCode], [null, null]);
});
