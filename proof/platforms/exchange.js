'use strict';

// Sixteen things that a server must do, done with the addon at hand by whichever Node.js runs this:
// `node exchange.js <folder with certificates>`. Prints a line for each, and ends with 1 at the first that fails.
// Starts no process: an emulator or a loader runs this one, and would not run another.

const assert = require('node:assert/strict');
const { X509Certificate } = require('node:crypto');
const { copyFileSync, readFileSync } = require('node:fs');
const http = require('node:http');
const net = require('node:net');
const path = require('node:path');
const { once } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');
const tls = require('node:tls');
const { Worker } = require('node:worker_threads');

const { AceBaseIPCServer } = require('../../index.js');
const { connect, join, refusal } = require('../../__test__/support/peer.js');

const DB = 'mydb_data';
/** Messages that each of two peers sends the other. */
const MESSAGES = 2000;
/** The length of a large message, in bytes. */
const LARGE = 3_000_000;
const CROWD = 100;
/** What a process of AceBase calls itself: only such a one has a session that outlives its connection. */
const ACEBASE_ID = 'abcdefghijklmnopqrstuvwx';
/** How long a step may take, in milliseconds: emulators are slow. */
const PATIENCE = 120_000;
/** What the encrypted files are encrypted with. */
const PASSPHRASE = 'correct horse';
/** Certificates, made by whoever has started this. */
const folder = process.argv[2];
const file = (name) => path.join(folder, name);

const STEPS = [
  ['a server starts, and says where it listens', starts],
  ['two clients are told of each other', introduces],
  [`${MESSAGES} messages each way come once and in order`, carriesMany],
  [`a POST of ${LARGE / 1e6} MB comes whole`, carriesLarge],
  [`${CROWD} clients all hear a message to all`, broadcasts],
  ['a session goes on after its connection was cut', resumes],
  ['status, metrics and the page are served', tellsStatus],
  ['a wrong token is refused, a good one gets in', asksForToken],
  ['a port that is taken is refused', refusesTakenPort],
  ['TLS with PEM files', () => servesTls({ certPath: file('cert.pem'), keyPath: file('key.pem') })],
  [
    'TLS with an encrypted key',
    () => servesTls({ certPath: file('cert.pem'), keyPath: file('encrypted.pem'), passphrase: PASSPHRASE }),
  ],
  ['TLS with a PKCS#12 file', () => servesTls({ pfxPath: file('modern.pfx'), passphrase: PASSPHRASE })],
  ['TLS with an old PKCS#12 file', () => servesTls({ pfxPath: file('legacy.pfx'), passphrase: PASSPHRASE })],
  ['new certificates are taken while it runs', reloads],
  ['a server runs in a worker thread', runsInWorker],
  ['a stop tells the clients, and the port is free', stops],
];

main();

async function main() {
  // The lines that servers print are no steps.
  console.log = () => {};
  for (const [index, [name, step]] of STEPS.entries()) {
    try {
      await Promise.race([step(), overdue()]);
    } catch (error) {
      process.stdout.write(`${index + 1} FAILED ${name}: ${error.stack}\n`, () => process.exit(1));
      return;
    }
    process.stdout.write(`${index + 1} ok ${name}\n`);
  }
  process.stdout.write(`${STEPS.length} steps passed\n`);
}

async function overdue() {
  await sleep(PATIENCE, undefined, { ref: false });
  throw new Error(`it takes longer than ${PATIENCE} ms`);
}

/** Does something with a server, and stops it. */
async function withServer(config, use) {
  const server = new AceBaseIPCServer({ host: '127.0.0.1', port: 0, ...config });
  await server.start();
  server.isTls = config.ssl !== undefined;
  try {
    await use(server);
  } finally {
    await server.stop();
  }
}

async function starts() {
  await withServer({ host: 'localhost' }, async (server) => {
    const { all } = server.address();
    assert.ok(all.length >= 1 && all.every(({ port }) => port === server.port));
    assert.equal((await fetchText(server, `/${DB}/clients`)).body, '[]');
  });
}

async function introduces() {
  await withServer({}, async (server) => {
    const first = await join(server, 'peer-1');
    const second = await join(server, 'peer-2');
    assert.equal(await first.next(), 'connect:peer-2');
    await second.close();
    assert.equal(await first.next(), 'disconnect:peer-2');
  });
}

async function carriesMany() {
  await withServer({}, async (server) => {
    const [one, two] = await pair(server);
    const texts = Array.from({ length: MESSAGES }, (_, number) => `message ${number}`);
    for (const text of texts) {
      one.send(`to:peer-2;${text}`);
      two.send(`to:peer-1;${text}`);
    }
    assert.deepEqual(await two.take(MESSAGES), texts);
    assert.deepEqual(await one.take(MESSAGES), texts);
  });
}

async function carriesLarge() {
  await withServer({}, async (server) => {
    const [, two] = await pair(server);
    const text = 'x'.repeat(LARGE);
    const { status, body } = await post(server, `/${DB}/send?id=peer-1&t=undefined`, text);
    assert.deepEqual({ status, body }, { status: 200, body: 'ok' });
    assert.ok((await two.next()) === text);
  });
}

async function broadcasts() {
  await withServer({ introductions: false }, async (server) => {
    const crowd = [];
    for (let number = 0; number < CROWD; number++) {
      crowd.push(await join(server, `client-${number}`));
    }
    crowd[0].send('to:all;good morning');
    for (const client of crowd.slice(1)) {
      let frame = await client.next();
      while (frame.startsWith('connect:')) {
        frame = await client.next();
      }
      assert.equal(frame, 'good morning');
    }
    assert.equal(server.getClients(DB).length, CROWD);
  });
}

async function resumes() {
  await withServer({}, async (server) => {
    const other = await join(server, 'peer-1');
    const process = await join(server, ACEBASE_ID);
    assert.equal(await other.next(), `connect:${ACEBASE_ID}`);
    process.socket.terminate();
    while (!server.getClients(DB).some(({ id, away }) => id === ACEBASE_ID && away)) {
      await sleep(10);
    }
    other.send(`to:${ACEBASE_ID};said meanwhile`);
    await sleep(100);
    const back = await connect(server, ACEBASE_ID);
    assert.match(await back.next(), /^welcome:/);
    assert.equal(await back.next(), 'said meanwhile');
    assert.deepEqual([...(await back.rest()), ...(await other.rest())], []);
  });
}

async function tellsStatus() {
  await withServer({}, async (server) => {
    await pair(server);
    const status = JSON.parse((await fetchText(server, '/status.json')).body);
    assert.equal(status.databases.length, 1);
    assert.equal(server.status().databases.length, 1);
    assert.ok((await fetchText(server, '/metrics')).body.includes('acebase_ipc_peers{'));
    assert.ok(/^<!doctype html>/i.test((await fetchText(server, '/')).body));
  });
}

async function asksForToken() {
  await withServer({ token: 'secret' }, async (server) => {
    assert.equal((await refusal(server, 'peer-1', { token: 'wrong' })).status, 403);
    await join(server, 'peer-1', { token: 'secret' });
  });
}

async function refusesTakenPort() {
  await withServer({}, async ({ port }) => {
    for (const host of ['127.0.0.1', 'localhost', undefined]) {
      const second = new AceBaseIPCServer({ host, port });
      await assert.rejects(second.start(), { code: 'EADDRINUSE' }, String(host));
    }
  });
}

async function servesTls(ssl) {
  await withServer({ ssl }, async (server) => {
    const [one, two] = await pair(server);
    one.send('to:peer-2;in secret');
    assert.equal(await two.next(), 'in secret');
    assert.equal(await serialNumber(server), serialOf('cert.pem'));
  });
}

async function reloads() {
  copyFileSync(file('cert.pem'), file('current.pem'));
  const ssl = { certPath: file('current.pem'), keyPath: file('key.pem') };
  await withServer({ ssl }, async (server) => {
    copyFileSync(file('renewed.pem'), file('current.pem'));
    await server.reloadCertificates();
    assert.equal(await serialNumber(server), serialOf('renewed.pem'));
  });
}

async function runsInWorker() {
  const script = `
    const { parentPort, workerData } = require('node:worker_threads');
    const { AceBaseIPCServer } = require(workerData);
    console.log = () => {};
    const server = new AceBaseIPCServer({ host: '127.0.0.1', port: 0 });
    server.start().then(() => parentPort.postMessage(server.port));
    parentPort.once('message', () => server.stop().then(() => parentPort.close()));
  `;
  const worker = new Worker(script, { eval: true, workerData: path.join(__dirname, '..', '..') });
  const [port] = await once(worker, 'message');
  const [one, two] = await pair({ port });
  one.send('to:peer-2;from a thread');
  assert.equal(await two.next(), 'from a thread');
  worker.postMessage('stop');
  assert.deepEqual(await once(worker, 'exit'), [0]);
}

async function stops() {
  const server = new AceBaseIPCServer({ host: '127.0.0.1', port: 0 });
  await server.start();
  const { port } = server;
  const [one] = await pair(server);
  await server.stop();
  assert.equal((await one.closed).code, 1001);
  const [error] = await once(net.connect(port, '127.0.0.1'), 'error');
  assert.equal(error.code, 'ECONNREFUSED');
}

/** Two clients who know of each other. */
async function pair(server) {
  const one = await join(server, 'peer-1');
  const two = await join(server, 'peer-2');
  assert.equal(await one.next(), 'connect:peer-2');
  return [one, two];
}

/** The serial number of the certificate that a server shows. */
async function serialNumber({ port }) {
  const socket = tls.connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const { serialNumber: number } = socket.getPeerCertificate();
  socket.end();
  await once(socket.resume(), 'close');
  return number;
}

function serialOf(name) {
  return new X509Certificate(readFileSync(file(name))).serialNumber;
}

function fetchText({ port }, target) {
  return request({ port, path: target });
}

function post({ port }, target, text) {
  return request({ port, path: target, method: 'POST', headers: { 'content-length': text.length } }, text);
}

async function request(options, text) {
  const sent = http.request({ host: '127.0.0.1', agent: false, ...options });
  sent.end(text);
  const [response] = await once(sent, 'response');
  const chunks = await response.toArray();
  return { status: response.statusCode, body: Buffer.concat(chunks).toString() };
}
