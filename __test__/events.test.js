'use strict';

// The events of a server: each is told, whole and in order, to who listens, and nothing is produced for nobody.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { test } = require('node:test');

const { AceBaseIPCServer } = require('..');
const { join } = require('./support/peer.js');
const { ROOT, runScript } = require('./support/process.js');
const { startServer } = require('./support/server.js');

test('connect and disconnect tell who comes and goes, and why', async (t) => {
  const server = await startServer(t);
  const before = Date.now();
  const connected = once(server, 'connect');
  const peer = await join(server, 'peer-1');
  const [client] = await connected;
  assert.deepEqual({ id: client.id, dbname: client.dbname }, { id: 'peer-1', dbname: 'mydb_data' });
  assert.ok(client.connected instanceof Date && client.connected >= before);
  const disconnected = once(server, 'disconnect');
  await peer.close();
  const [{ id, dbname, remote, remotePort }, reason] = await disconnected;
  assert.deepEqual([id, dbname, remote, reason], ['peer-1', 'mydb_data', '127.0.0.1', 'closed']);
  assert.ok(remotePort > 0 && remotePort === client.remotePort);
});

test('message tells what is sent, only while somebody listens', async (t) => {
  const server = await startServer(t);
  const peer = await join(server, 'peer-1');
  peer.send('before');
  peer.send('ping');
  await peer.next();
  const heard = [];
  const listener = (text, from) => heard.push([text, from]);
  server.on('message', listener);
  peer.send('to:peer-2;héllo');
  while (heard.length === 0) {
    await once(server, 'message');
  }
  server.off('message', listener);
  peer.send('after');
  peer.send('ping');
  await peer.next();
  assert.deepEqual(heard, [['héllo', { id: 'peer-1', dbname: 'mydb_data' }]]);
});

test('of many messages all are told, in order', async (t) => {
  const server = await startServer(t);
  const heard = [];
  server.on('message', (text) => heard.push(text));
  const peer = await join(server, 'peer-1');
  const sent = Array.from({ length: 20_000 }, (_, n) => `message ${n}`);
  for (const text of sent) {
    peer.send(text);
  }
  while (heard.length < sent.length) {
    await once(server, 'message');
  }
  assert.deepEqual(heard, sent);
});

test('a process that does not take its events is told how many it missed', async (t) => {
  const { stdout, stderr } = await runScript(
    `
    const { AceBaseIPCServer } = require(${JSON.stringify(ROOT)});
    const { Worker } = require('node:worker_threads');
    const server = new AceBaseIPCServer({ host: '127.0.0.1', port: 0 });
    const flood = \`
      const { workerData: { port, isDeaf, isOver }, parentPort } = require('node:worker_threads');
      const { WebSocket } = require('ws');
      const socket = new WebSocket('ws://127.0.0.1:' + port + '/db/connect?v=1.0.0&id=peer-1&t=');
      socket.on('open', () => {
        parentPort.postMessage('joined');
        Atomics.wait(isDeaf, 0, 0);
        for (let n = 0; n < 150000; n++) socket.send('' + n);
        socket.send('ping');
      });
      socket.on('message', (data) => {
        if (String(data) !== 'pong') return;
        Atomics.store(isOver, 0, 1);
        Atomics.notify(isOver, 0);
        process.exit();
      });
    \`;
    let heard = 0;
    server.on('message', () => heard++);
    server.on('warning', ({ code, message }) => {
      console.log(code, heard + Number(message.match(/\\d+/)[0]));
      server.stop();
    });
    server.start().then(() => {
      const [isDeaf, isOver] = [0, 0].map(() => new Int32Array(new SharedArrayBuffer(4)));
      const worker = new Worker(flood, { eval: true, workerData: { port: server.port, isDeaf, isOver } });
      worker.on('message', () => {
        // The event loop stands still from before the flood until it is over.
        Atomics.store(isDeaf, 0, 1);
        Atomics.notify(isDeaf, 0);
        Atomics.wait(isOver, 0, 0);
      });
    });
  `,
    t,
  );
  assert.match(stdout, /events-dropped 150000/, `${stdout}${stderr}`);
});

test('removeAllListeners does not make the server deaf', async (t) => {
  const server = await startServer(t);
  server.on('message', () => assert.fail('this one was removed'));
  server.removeAllListeners();
  const peer = await join(server, 'peer-1');
  const heard = once(server, 'message');
  peer.send('hello');
  assert.equal((await heard)[0], 'hello');
});

test('an unknown option is a warning: an event where somebody listens, else one of the process', async (t) => {
  const listened = new AceBaseIPCServer({ port: 0, maxPaylod: 1 });
  const [warning] = await once(listened, 'warning');
  assert.deepEqual(warning, {
    code: 'unknown-option',
    message: 'option "maxPaylod" is not known and was ignored: did you mean "maxPayload"?',
  });
  const emitWarning = t.mock.method(process, 'emitWarning', () => {});
  new AceBaseIPCServer({ port: 0, maxPaylod: 1 });
  await new Promise(setImmediate);
  assert.deepEqual(emitWarning.mock.calls[0].arguments[1], { type: 'AceBaseIPCWarning', code: 'unknown-option' });
});

test('an error that nobody listens for is printed, and the process goes on', async (t) => {
  const server = await startServer(t);
  const { mock } = t.mock.method(console, 'error', () => {});
  assert.doesNotThrow(() => server.emit('error', new Error('a part failed')));
  assert.match(mock.calls[0].arguments[0], /a part failed/);
  server.once('error', (error) => assert.equal(error.message, 'another part failed'));
  server.emit('error', new Error('another part failed'));
  assert.equal(mock.callCount(), 1);
});
