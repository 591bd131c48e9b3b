'use strict';

// What fails is heard: by whoever awaits it, else as an unhandled rejection or an uncaught exception, which end the
// process.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { readdirSync, writeFileSync } = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { describe, test } = require('node:test');

const { pem } = require('./support/certificates.js');
const { makeFolder } = require('./support/folder.js');
const { noOpenssl } = require('./support/platform.js');
const { ROOT, runScript, start: startProcess } = require('./support/process.js');

const ADDON =
  process.env.NAPI_RS_NATIVE_LIBRARY_PATH ??
  path.join(
    ROOT,
    readdirSync(ROOT).find((name) => name.endsWith('.node')),
  );

/** A server, as the README has it, but for its options. */
function start(options) {
  return `
    const { AceBaseIPCServer } = require(${JSON.stringify(ROOT)});
    const server = new AceBaseIPCServer(${JSON.stringify({ host: '127.0.0.1', port: 0, ...options })});
    server.start();
  `;
}

async function portInUse(t) {
  const blocker = net.createServer().listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  t.after(() => blocker.close());
  return blocker.address().port;
}

describe('a start that nobody awaits and that fails ends the process with status 1 and the reason', () => {
  for (const [what, options, reason, skip = false] of [
    [
      'a port in use',
      async (t) => ({ port: await portInUse(t) }),
      /Error: cannot listen on .*Another process uses this port.*EADDRINUSE/s,
    ],
    [
      'a port in use that is to be kept',
      async (t) => ({ port: await portInUse(t), keepPort: true }),
      /Error: cannot listen on .*Another process uses this port.*EADDRINUSE/s,
    ],
    [
      'a certificate that cannot be read',
      () => ({ ssl: { ...pem(), certPath: '/no/such.pem' } }),
      /Error: ssl\.certPath \("\/no\/such\.pem"\) cannot be read.*ERR_IPC_TLS/s,
      noOpenssl,
    ],
    ['a host that is not known', () => ({ host: 'no-such-host.invalid' }), /Error: cannot listen on no-such-host/],
  ]) {
    test(what, { skip }, async (t) => {
      const { code, stderr } = await runScript(start(await options(t)), t);
      assert.match(stderr, reason);
      assert.equal(code, 1);
    });
  }

  test('in an ES module that awaits it', async (t) => {
    const script = `
      import { AceBaseIPCServer } from 'acebase-ipc-server';
      await new AceBaseIPCServer({ host: '127.0.0.1', port: ${await portInUse(t)} }).start();
    `;
    const { code, stderr } = await runScript(script, t, { args: ['--input-type=module'] });
    assert.match(stderr, /EADDRINUSE/);
    assert.equal(code, 1);
  });

  test('while the server of another start goes on', async (t) => {
    const { code, stdout, stderr } = await runScript(`${start({})} server.start();`, t);
    assert.match(stdout, /running on port/);
    assert.match(stderr, /ERR_IPC_RUNNING/);
    assert.equal(code, 1);
  });

  test('in a worker thread: an error of that thread', async (t) => {
    const script = `
      const { Worker } = require('node:worker_threads');
      const worker = new Worker(${JSON.stringify(start({ port: await portInUse(t) }))}, { eval: true });
      worker.on('error', (error) => console.log('heard', error.message));
    `;
    const { code, stdout } = await runScript(script, t);
    assert.match(stdout, /heard cannot listen on .*Another process uses this port/);
    assert.equal(code, 0);
  });
});

test('a start that fails and is taken is no unhandled rejection, also where others wait for it', async (t) => {
  const script = `
    ${start({ port: await portInUse(t) }).replace('server.start();', '')}
    server.start().catch((error) => console.log('taken', error.code));
    server.stop().then(() => console.log('stopped'));
  `;
  const { code, stdout, stderr } = await runScript(script, t);
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  assert.equal(stdout, 'taken EADDRINUSE\nstopped\n');
});

/** The addon, but that its server fails a moment after its start: nothing that is known makes the real one fail. */
const FAILING_ADDON = `
  const addon = require(${JSON.stringify(ADDON)});
  class NativeServer {
    static async start(options, wanted, take) {
      const server = await addon.NativeServer.start(options, wanted, take);
      setTimeout(() => take([{ type: 'failed', message: 'The acceptor failed' }]), 50);
      return server;
    }
  }
  module.exports = { ...addon, NativeServer };
`;

describe('a server that fails', () => {
  function run(t, script) {
    const addon = path.join(makeFolder(t, 'failures'), 'addon.js');
    writeFileSync(addon, FAILING_ADDON);
    const env = { ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: addon };
    return startProcess(t, process.execPath, ['-e', script], { env }).ended;
  }

  test('ends its process, where nobody listens', async (t) => {
    const { code, stderr } = await run(t, start({}));
    assert.match(stderr, /Error: The acceptor failed.*ERR_IPC_FAILED/s);
    assert.equal(code, 1);
  });

  test('is told to who listens, and stops', async (t) => {
    const { code, stdout } = await run(
      t,
      `${start({})}
      server.on('error', ({ code }) => console.log('error', code)).on('close', () => console.log('close'));`,
    );
    assert.match(stdout, /error ERR_IPC_FAILED\nclose\n$/);
    assert.equal(code, 0);
  });
});

describe('a listener that throws', { skip: noOpenssl }, () => {
  for (const event of ['listening', 'close', 'connect', 'warning', 'notice', 'disconnect']) {
    test(`of ${event}: is an uncaught exception, and the server goes on where that is taken`, async (t) => {
      const script = `
        ${start({ maxPaylod: 1, ssl: pem() }).replace('server.start();', '')}
        process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
        process.removeAllListeners('warning');
        process.on('uncaughtException', (error) => console.log('uncaught', error.message));
        server.on(${JSON.stringify(event)}, () => { throw new Error('of the listener'); });
        (async () => {
          await server.start();
          await server.reloadCertificates();
          const { WebSocket } = require('ws');
          const socket = new WebSocket('wss://127.0.0.1:' + server.port + '/mydb_data/connect?v=1.0.0&id=[master]&t=');
          await new Promise((resolve) => socket.on('message', resolve));
          console.log('welcomed');
          await new Promise((resolve) => setTimeout(resolve, 100));
          await server.stop();
          console.log('stopped');
        })();
      `;
      const { code, stdout, stderr } = await runScript(script, t);
      assert.match(stdout, /uncaught of the listener/, `${stdout}${stderr}`);
      assert.match(stdout, /welcomed/);
      assert.match(stdout, /stopped/);
      assert.equal(code, 0);
    });
  }
});
