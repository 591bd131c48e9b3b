'use strict';

// The clients of the leak checks, in a process of their own, so that what they use is not taken for the server's. For
// each message `{ port, isTls, largeMessages }` they come, talk, and answer `'talked'`; those who stay are there when
// the server stops, and then the answer is `'left'`. What goes wrong is answered with `{ error }`.

const assert = require('node:assert/strict');
const { once } = require('node:events');

const { request } = require('../../__test__/support/http.js');
const { join } = require('../../__test__/support/peer.js');

/** An id of the form that AceBase generates: its session outlives its connection. */
const WORKER = 'abcdefghijklmnopqrstuvwx';
const MASTER = '[master]';
const CLUSTER = 'cluster_data';
/** Longer than `maxPayload`, so that clients send it over HTTP. */
const LARGE = 'x'.repeat(100_000);
const LOCK_REQUEST = `{"type":"lock-request","from":"${WORKER}","to":"${MASTER}","id":"1","data":{"path":"a","write":true,"tid":"t"}}`;

process.on('message', (server) => {
  visit(server).catch((error) => process.send({ error: error.stack }));
});

async function visit(server) {
  const talker = await exchange(server);
  const master = await loseWorker(server);
  process.send('talked');
  assert.equal((await talker.closed).code, 1001);
  await master.closed;
  process.send('left');
}

/** Two clients talk, and one leaves. @returns the one that stays */
async function exchange(server) {
  const one = await join(server, 'peer-1');
  const two = await join(server, 'peer-2');
  one.send('to:peer-2;hello');
  assert.equal(await two.next(), 'hello');
  const { status } = await request(server, 'POST /mydb_data/send?id=peer-1&t=', { body: `to:peer-2;${LARGE}` });
  assert.equal(status, 200);
  assert.equal(await large(server, two), LARGE);
  await one.close();
  assert.equal(await two.next(), 'disconnect:peer-1');
  return two;
}

async function large(server, peer) {
  const text = await peer.next();
  if (server.largeMessages === 'push') {
    return text;
  }
  const id = text.slice('get:'.length);
  const { body } = await request(server, `GET /mydb_data/receive?id=peer-2&msg=${id}&t=`);
  return body;
}

/** A worker asks its master for a lock, and loses its connection before it has the answer. @returns the master */
async function loseWorker(server) {
  const master = await join(server, MASTER, { db: CLUSTER });
  const worker = await join(server, WORKER, { db: CLUSTER });
  worker.send(`to:${MASTER};${LOCK_REQUEST}`);
  for (let text = ''; !text.includes('lock-request'); ) {
    text = await master.next();
  }
  worker.socket.terminate();
  await once(worker.socket, 'close');
  return master;
}
