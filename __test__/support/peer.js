'use strict';

// A raw client of the wire protocol: it says and hears frames, and knows nothing of AceBase.

const { once } = require('node:events');
const { setTimeout: sleep } = require('node:timers/promises');

const { WebSocket } = require('ws');

/** How long, in milliseconds, a frame that must come is waited for. */
const PATIENCE = 20_000;
/** How long, in milliseconds, a peer must hear nothing before "nothing comes" is believed. */
const SILENCE = 150;

class Peer {
  #frames = [];
  #waiting = [];

  constructor(socket) {
    this.socket = socket;
    /** Resolves to `{ code, reason }` when the connection is closed. */
    this.closed = once(socket, 'close').then(([code, reason]) => ({ code, reason: String(reason) }));
    socket.on('message', (data) => this.#take(data.toString()));
    socket.on('error', () => {});
  }

  #take(frame) {
    const waiting = this.#waiting.shift();
    if (waiting) {
      waiting(frame);
    } else {
      this.#frames.push(frame);
    }
  }

  /** The next frame. */
  next() {
    if (this.#frames.length > 0) {
      return Promise.resolve(this.#frames.shift());
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no frame came within ${PATIENCE} ms`)), PATIENCE);
      this.#waiting.push((frame) => {
        clearTimeout(timer);
        resolve(frame);
      });
    });
  }

  /** The next `count` frames. */
  async take(count) {
    const frames = [];
    while (frames.length < count) {
      frames.push(await this.next());
    }
    return frames;
  }

  /** What came and was not asked for, when nothing more comes for a moment. */
  async rest() {
    await sleep(SILENCE);
    return this.#frames.splice(0);
  }

  send(data) {
    this.socket.send(data);
  }

  /** Closes the connection properly, and waits until it is closed. */
  async close() {
    this.socket.close();
    return this.closed;
  }
}

function url(server, id, { db = 'mydb_data', version = '1.0.0', token = 'undefined', query } = {}) {
  const scheme = server.isTls ? 'wss' : 'ws';
  return `${scheme}://127.0.0.1:${server.port}/${db}/connect?${query ?? `v=${version}&id=${id}&t=${token}`}`;
}

function openSocket(server, id, options = {}) {
  const { headers, localAddress, maxVersion } = options;
  return new WebSocket(url(server, id, options), { rejectUnauthorized: false, headers, localAddress, maxVersion });
}

/** Connects, and takes the welcome off. */
async function join(server, id, options) {
  const peer = await connect(server, id, options);
  await peer.next();
  return peer;
}

/** Connects. */
async function connect(server, id, options) {
  const socket = openSocket(server, id, options);
  const peer = new Peer(socket);
  await once(socket, 'open');
  return peer;
}

/** Connects, and leaves again: the longest frame that is announced to such a client, in UTF-16 units. */
async function announcedLimit(server, options) {
  const peer = await connect(server, 'peer-1', options);
  const welcome = await peer.next();
  await peer.close();
  return JSON.parse(welcome.replace(/^welcome:/, '')).maxPayload;
}

/** Tries to connect, and is refused: `{ status, body }`. */
async function refusal(server, id, options) {
  const socket = openSocket(server, id, options);
  socket.on('error', () => {});
  const outcome = await Promise.race([
    once(socket, 'unexpected-response').then(([, response]) => response),
    once(socket, 'open').then(() => undefined),
  ]);
  if (!outcome) {
    socket.terminate();
    throw new Error('the connection was taken, though it should be refused');
  }
  const chunks = await outcome.toArray();
  return { status: outcome.statusCode, body: Buffer.concat(chunks).toString() };
}

/** Whether a client is let in; it leaves at once. */
async function getsIn(server, id, options) {
  const socket = openSocket(server, id, options);
  try {
    await once(socket, 'open');
    return true;
  } catch {
    return false;
  } finally {
    socket.on('error', () => {}).terminate();
  }
}

module.exports = { announcedLimit, connect, getsIn, join, refusal };
