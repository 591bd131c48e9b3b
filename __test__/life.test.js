'use strict';

// A server's life, as its owner sees it: starting, stopping, and what it means for the process or thread that it lives
// in.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const net = require('node:net');
const { describe, test } = require('node:test');

const { AceBaseIPCServer } = require('..');
const { join } = require('./support/peer.js');
const { ROOT, runScript } = require('./support/process.js');
const { quietly, startServer } = require('./support/server.js');

describe('starting and stopping', () => {
  test('start says on which port it runs', async (t) => {
    const { mock } = t.mock.method(console, 'log', () => {});
    const server = new AceBaseIPCServer({ host: '127.0.0.1', port: 0 });
    assert.equal(server.port, 0);
    await server.start();
    t.after(() => server.stop());
    assert.deepEqual(mock.calls[0].arguments, [`AceBase IPC server running on port ${server.port}`]);
    assert.ok(server.port > 0);
  });

  test('address() is as that of net.Server, and null while it does not run', async (t) => {
    const server = await startServer(t);
    const address = { address: '127.0.0.1', family: 'IPv4', port: server.port };
    assert.deepEqual(server.address(), { ...address, all: [address] });
    await server.stop();
    assert.equal(server.address(), null);
    assert.equal(server.status(), null);
    assert.deepEqual(server.getClients('mydb_data'), []);
    assert.deepEqual(server.locks('mydb_data'), []);
  });

  test("'localhost' is both loopback addresses, and no host is every interface of both families", async (t) => {
    for (const host of ['localhost', undefined]) {
      const server = await startServer(t, { host });
      for (const address of ['127.0.0.1', '::1']) {
        const socket = net.connect(server.port, address);
        await once(socket, 'connect');
        socket.destroy();
      }
    }
  });

  test('a port in use is a clear rejection, and the server can be started later', async (t) => {
    const first = await startServer(t);
    // Windows takes every interface for another place than one of them.
    const hosts = ['127.0.0.1', 'localhost', ...(process.platform === 'win32' ? [] : [undefined])];
    for (const host of hosts) {
      const second = new AceBaseIPCServer({ host, port: first.port });
      await assert.rejects(second.start(), (error) => {
        assert.equal(error.code, 'EADDRINUSE');
        assert.match(
          error.message,
          new RegExp(`:${first.port}: .*Another process uses this port: stop it, or choose another port`),
        );
        assert.match(error.stack, /server\.js/);
        return true;
      });
    }
    const later = new AceBaseIPCServer({ host: '127.0.0.1', port: first.port });
    await assert.rejects(later.start());
    await first.stop();
    await quietly(t, () => later.start());
    await later.stop();
  });

  test('a host that is not this machine is a clear rejection', async () => {
    const elsewhere = new AceBaseIPCServer({ host: '203.0.113.1', port: 0 });
    await assert.rejects(elsewhere.start(), { code: 'EADDRNOTAVAIL', message: /203\.0\.113\.1/ });
    const nowhere = new AceBaseIPCServer({ host: 'no-such-host.invalid', port: 0 });
    await assert.rejects(nowhere.start(), /no-such-host\.invalid/);
  });

  test('starting twice is a rejection, and the server goes on', async (t) => {
    const server = await startServer(t);
    await assert.rejects(server.start(), { code: 'ERR_IPC_RUNNING', message: /runs already, on port \d+/ });
    await join(server, 'peer-1');
  });

  test('stop tells the clients, frees the port, and may be called at any time', async (t) => {
    const server = await startServer(t);
    const { port } = server;
    const peer = await join(server, 'peer-1');
    await Promise.all([server.stop(), server.stop()]);
    assert.equal((await peer.closed).code, 1001);
    await server.stop();
    const blocker = net.createServer().listen(port, '127.0.0.1');
    await once(blocker, 'listening');
    blocker.close();
    await new AceBaseIPCServer({ port: 0 }).stop();
  });

  test('stop lets messages reach their receivers first', async (t) => {
    const server = await startServer(t);
    const peer = await join(server, 'peer-1');
    const [client] = server.getClients('mydb_data');
    const large = 'x'.repeat(1_000_000);
    for (let n = 0; n < 10; n++) {
      await client.sendMessage(large);
    }
    await server.stop();
    assert.ok((await peer.take(10)).every((text) => text === large));
    assert.equal((await peer.closed).code, 1001);
  });

  test('start works again after stop', async (t) => {
    const server = await startServer(t);
    for (let n = 0; n < 3; n++) {
      await server.stop();
      await quietly(t, () => server.start());
      const peer = await join(server, 'peer-1');
      peer.send('ping');
      assert.equal(await peer.next(), 'pong');
    }
  });

  test('calls take place in their order', async (t) => {
    const server = new AceBaseIPCServer({ host: '127.0.0.1', port: 0 });
    const seen = [];
    server.on('listening', () => seen.push('listening')).on('close', () => seen.push('close'));
    await quietly(t, () => Promise.all([server.start(), server.stop(), server.start(), server.stop()]));
    assert.deepEqual(seen, ['listening', 'close', 'listening', 'close']);
  });

  test('several servers in one process know nothing of each other', async (t) => {
    const [one, two] = [await startServer(t), await startServer(t)];
    const a = await join(one, 'peer-1');
    const b = await join(two, 'peer-2');
    a.send('hello');
    assert.deepEqual(await b.rest(), []);
    await one.stop();
    b.send('ping');
    assert.equal(await b.next(), 'pong');
  });
});

describe('the process around it', () => {
  const start = `
    const { AceBaseIPCServer } = require(${JSON.stringify(ROOT)});
    const server = new AceBaseIPCServer({ host: '127.0.0.1', port: 0 });
  `;

  test('a running server keeps its process alive, and a stopped one lets it end', async (t) => {
    const script = `${start}
      server.on('message', () => {});
      const began = Date.now();
      // A timer that does not keep the process alive: only the server does.
      server.start().then(() => setTimeout(() => server.stop(), 700).unref());
      process.on('exit', () => console.log('after', Date.now() - began >= 700));
    `;
    const { code, stdout, stderr } = await runScript(script, t);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /after true/);
  });

  test('process.exit() while running is a clean end, with clients connected', async (t) => {
    const script = `${start}
      const { WebSocket } = require('ws');
      server.on('connect', () => {}).on('message', () => {});
      server.start().then(() => {
        const socket = new WebSocket('ws://127.0.0.1:' + server.port + '/db/connect?v=1.0.0&id=peer-1&t=');
        socket.on('open', () => {
          for (let n = 0; n < 1000; n++) socket.send('message');
          setTimeout(() => process.exit(7), 50);
        });
      });
    `;
    for (let n = 0; n < 5; n++) {
      const { code, signal, stderr } = await runScript(script, t);
      assert.deepEqual({ code, signal, stderr }, { code: 7, signal: null, stderr: '' });
    }
  });

  test('process.exit() while starting and while stopping is a clean end', async (t) => {
    for (const script of [
      `${start} server.start(); process.exit(7);`,
      `${start} server.start(); setImmediate(() => process.exit(7));`,
      `${start} server.start().then(() => { server.stop(); setImmediate(() => process.exit(7)); });`,
    ]) {
      const { code, signal, stderr } = await runScript(script, t);
      assert.deepEqual({ code, signal, stderr }, { code: 7, signal: null, stderr: '' });
    }
  });

  test('it works in worker threads, and goes with a thread that is ended', async (t) => {
    const script = `
      const { Worker } = require('node:worker_threads');
      const net = require('node:net');
      const code = \`${start}
        server.start().then(() => require('node:worker_threads').parentPort.postMessage(server.port));
      \`;
      const port = (worker) => new Promise((resolve) => worker.once('message', resolve));
      const isOpen = (port) => new Promise((resolve) => {
        const socket = net.connect(port, '127.0.0.1').on('connect', () => resolve(true)).on('error', () => resolve(false));
        socket.unref();
      });
      (async () => {
        const workers = [1, 2].map(() => new Worker(code, { eval: true }));
        const [one, two] = await Promise.all(workers.map(port));
        await workers[0].terminate();
        console.log(await isOpen(one), await isOpen(two));
        await workers[1].terminate();
        console.log(await isOpen(two));
      })();
    `;
    const { code, stdout, stderr } = await runScript(script, t);
    assert.deepEqual([code, stderr], [0, '']);
    assert.match(stdout, /false true\nfalse\n$/);
  });

  test('an ES module imports, starts and stops it', async (t) => {
    const script = `
      import { AceBaseIPCServer } from 'acebase-ipc-server';
      const server = new AceBaseIPCServer({ host: '127.0.0.1', port: 0 });
      await server.start();
      await server.stop();
    `;
    const { code, stdout } = await runScript(script, t, { args: ['--input-type=module'] });
    assert.equal(code, 0);
    assert.match(stdout, /running on port \d+/);
  });
});
