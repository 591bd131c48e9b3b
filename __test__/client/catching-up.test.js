'use strict';

// A process that catches up with the files takes its time, and its connection may break meanwhile: nothing that comes
// by the next one is lost, and it is heard when the files have been read.

const assert = require('node:assert/strict');
const { EventEmitter, once } = require('node:events');
const { test } = require('node:test');

const { Transport: AceBaseTransport } = require('acebase-core');
const { WebSocket, WebSocketServer } = require('ws');

const { Transport } = require('../../lib/client/transport.js');
const { Values } = require('../../lib/client/values.js');
const { sleep, until } = require('../cluster/support/wait.js');

const LIFE = 'abcdefghijklmnopqrstuvwxy';
const ADDRESS_LENGTH = 6;

/** How long a process may take to read what was sent to it, in milliseconds. */
const READ_TIME = 200;

/** How long all may take, in milliseconds. */
const LIMIT = 5000;

/** What the client needs of AceBase's peer, whose table of keys is read when the test says so. */
class Peer extends EventEmitter {
  id = 'peer00000000000000000000';
  masterPeerId = '[master]';
  isMaster = false;
  peers = [];
  ourSubscriptions = [];
  _locks = [];
  _requests = new Map();
  _nodeLocker = { lock: async () => ({ release: async () => {} }), _locks: [] };
  /** What ends each reading that has begun and not ended, oldest first. */
  readings = [];
  #readsAtOnce = false;
  /** How many tables of free space it has read. */
  spacesRead = 0;
  /** The ids of the messages that it has heard. */
  heard = [];

  constructor(port) {
    super();
    this.config = { host: '127.0.0.1', port, dbname: 'db', ssl: false };
    const load = () => new Promise((resolve) => (this.#readsAtOnce ? resolve() : this.readings.push(resolve)));
    this.storage = {
      _ready: true,
      rootRecord: { address: { pageNr: 0, recordNr: 0 }, update: async () => {} },
      KIT: { keys: [], load },
      FST: { load: async () => this.spacesRead++ },
      readData: async (_position, bytes) => assert.equal(bytes.length, ADDRESS_LENGTH),
    };
  }

  endFirstReading() {
    this.readings.shift()();
  }

  /** Those that begin later end at once. */
  endReadings() {
    this.#readsAtOnce = true;
    while (this.readings.length > 0) {
      this.endFirstReading();
    }
  }

  async handleMessage({ id }) {
    this.heard.push(id);
  }
}

/** A hub with the extension, as far as one client needs it. */
async function startHub(t) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  t.after(() => {
    for (const socket of server.clients) {
      socket.terminate();
    }
    server.close();
  });
  return server;
}

/** The next connection, and what its client says. */
async function nextClient(server) {
  const [socket] = await once(server, 'connection');
  const said = [];
  socket.on('message', (data) => said.push(data.toString()));
  return { socket, said };
}

function welcome({ socket }, session, resumed) {
  const terms = { session, had: 0, resumed, told: true, maxMessage: 100_000 };
  socket.send(`welcome:${JSON.stringify({ maxPayload: 16_384, reliable: terms })}`);
}

function say({ socket }, number) {
  const message = { type: 'event', id: `event-${number}`, from: 'other0000000000000000000' };
  socket.send(`#${LIFE},${number} ${JSON.stringify(message)}`);
}

/** A client that catches up with the files, and has lost its connection meanwhile. Gives the next one. */
async function loseWhileCatchingUp(t, { isMaster = false } = {}) {
  const server = await startHub(t);
  const peer = Object.assign(new Peer(server.address().port), { isMaster });
  const transport = new Transport(peer, { WebSocket, values: new Values(AceBaseTransport) });
  t.after(() => transport.leaveNow());
  const first = nextClient(server);
  transport.start();
  welcome(await first, 'first', false);
  await until('the first reading', LIMIT, () => peer.readings.length === 1);
  const second = nextClient(server);
  (await first).socket.terminate();
  return { server, peer, client: await second };
}

/** The client comes back to a hub that knows nothing of it, and has caught up there. */
async function beginAnew({ server, peer, client }) {
  const next = nextClient(server);
  client.socket.terminate();
  const { said, ...rest } = await next;
  welcome(rest, 'another', false);
  say(rest, 1);
  await until('the acknowledgement', LIMIT, () => said.includes('=1'));
  return peer.spacesRead;
}

test('a session that goes on: what it brings is heard when the files have been read', async (t) => {
  const { peer, client } = await loseWhileCatchingUp(t);
  welcome(client, 'first', true);
  say(client, 1);
  say(client, 2);
  // It does not read while it catches up, and could not say that it has.
  await sleep(READ_TIME);
  assert.deepEqual(peer.heard, [], 'before the files were read');
  peer.endReadings();
  say(client, 3);
  await until('the acknowledgement', LIMIT, () => client.said.includes('=3'));
  assert.deepEqual(peer.heard, ['event-1', 'event-2', 'event-3']);
});

test('another session: the reading that began for the last one takes nothing from it', async (t) => {
  const { peer, client } = await loseWhileCatchingUp(t);
  welcome(client, 'second', false);
  say(client, 1);
  await sleep(READ_TIME);
  assert.equal(peer.readings.length, 1, 'two readings at once');
  peer.endFirstReading();
  await until('the second reading', LIMIT, () => peer.readings.length === 1);
  say(client, 2);
  assert.deepEqual(peer.heard, [], 'before the files were read for it');
  peer.endReadings();
  await until('the acknowledgement', LIMIT, () => client.said.includes('=2'));
  assert.deepEqual(peer.heard, ['event-1', 'event-2']);
});

test('a master whose session goes on reads its tables once, whenever that ends', async (t) => {
  for (const endsBefore of [true, false]) {
    const lost = await loseWhileCatchingUp(t, { isMaster: true });
    if (endsBefore) {
      lost.peer.endReadings();
      await sleep(READ_TIME);
    }
    welcome(lost.client, 'first', true);
    await sleep(READ_TIME);
    lost.peer.endReadings();
    // What it has in mind is what counts from then on: it may be writing.
    assert.equal(await beginAnew(lost), 1, `${endsBefore}`);
  }
});

test('a master that loses its session while it reads its tables reads them again: there may have been another one', async (t) => {
  const lost = await loseWhileCatchingUp(t, { isMaster: true });
  lost.peer.endReadings();
  welcome(lost.client, 'second', false);
  await until('the second reading', LIMIT, () => lost.peer.spacesRead === 2);
  assert.equal(await beginAnew(lost), 2);
});
