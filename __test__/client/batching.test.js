'use strict';

// Messages of one turn of the event loop leave in one write.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { test } = require('node:test');
const { WebSocket, WebSocketServer } = require('ws');

const { Socket } = require('../../lib/client/socket.js');
const { until } = require('../cluster/support/wait.js');

/** A socket to a server that keeps what it hears. */
async function connect(t) {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  t.after(() => server.close());
  await once(server, 'listening');
  const texts = [];
  server.on('connection', (client) => client.on('message', (data) => texts.push(data.toString())));
  let stream;
  class Watched extends WebSocket {
    constructor(...args) {
      super(...args);
      this.on('upgrade', (response) => {
        stream = response.socket;
      });
    }
  }
  const opened = Promise.withResolvers?.() ?? later();
  const target = { url: `ws://127.0.0.1:${server.address().port}/`, limit: 5000 };
  const socket = new Socket(Watched, target, { opened: opened.resolve, heard() {}, drained() {}, ended() {} });
  t.after(() => socket.abandon('over'));
  await opened.promise;
  return { socket, stream, texts };
}

test('many messages, one write', async (t) => {
  const { socket, stream, texts } = await connect(t);
  const { _write: write, _writev: writev } = stream;
  const writes = [];
  stream._write = (...args) => writes.push(1) && write.apply(stream, args);
  stream._writev = (...args) => writes.push(args[0].length) && writev.apply(stream, args);
  const sent = Array.from({ length: 50 }, (_, n) => `message ${n}`);
  for (const text of sent) {
    socket.send(text);
    await null;
  }
  await until('the messages', 5000, () => texts.length === sent.length);
  assert.deepEqual(texts, sent);
  assert.equal(writes.length, 1);
});

test('texts of all lengths arrive as they are, in their order', async (t) => {
  const { socket, texts } = await connect(t);
  const lengths = [0, 1, 124, 125, 126, 127, 1000, 65_534, 65_535, 65_536, 70_000, 300_000, 3, 1_000_000, 5];
  const sent = lengths.flatMap((length) => ['x', 'ä', '😀'].map((letter) => letter.repeat(length)));
  for (const text of sent) {
    socket.send(text);
  }
  await until('the texts', 10_000, () => texts.length === sent.length);
  assert.ok(sent.every((text, n) => text === texts[n]));
});

function later() {
  let resolve;
  const promise = new Promise((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
