'use strict';

// Speaks to a server byte by byte: what no well-behaved client would say.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const net = require('node:net');
const tls = require('node:tls');

/** How long, in milliseconds, a server may take to answer or to close. */
const PATIENCE = 20_000;

class RawConnection {
  #received = Buffer.alloc(0);

  constructor(socket) {
    this.socket = socket;
    socket.on('data', (data) => {
      this.#received = Buffer.concat([this.#received, data]);
    });
    socket.on('error', () => {});
    // A reset is an end as well.
    this.#closed = new Promise((resolve) => socket.once('close', resolve));
  }

  #closed;

  get received() {
    return this.#received;
  }

  write(data) {
    this.socket.write(data);
  }

  /** Waits until the server has closed the connection, and gives all that it has said. */
  async closed() {
    await inTime(this.#closed, () => `the connection was not closed; received: ${this.#received}`);
    return this.#received;
  }

  /** Waits until the server has said `text`. */
  async heard(text) {
    while (!this.#received.includes(text)) {
      assert.ok(!this.socket.destroyed, `closed before ${text} was heard; received: ${this.#received}`);
      const something = Promise.race([once(this.socket, 'data'), this.#closed]);
      await inTime(something, () => `${text} was not heard; received: ${this.#received}`);
    }
  }

  /** Begins TLS, on a connection that has said nothing yet. */
  async startTls() {
    const socket = tls.connect({ socket: this.socket, rejectUnauthorized: false });
    const connection = new RawConnection(socket);
    const begun = Promise.race([once(socket, 'secureConnect').then(() => true), this.#closed.then(() => false)]);
    assert.ok(await inTime(begun, () => 'nobody answers the handshake of TLS'), 'closed instead of a handshake of TLS');
    return connection;
  }
}

async function inTime(promise, complaint) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(complaint())), PATIENCE);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A connection that has said nothing yet. */
async function rawConnect(server) {
  const options = { host: '127.0.0.1', port: server.port, rejectUnauthorized: false };
  const socket = server.isTls ? tls.connect(options) : net.connect(options);
  const connection = new RawConnection(socket);
  await once(socket, server.isTls ? 'secureConnect' : 'connect');
  return connection;
}

/** The head of a good handshake, without the empty line that ends it. */
function handshake(path) {
  return [
    `GET ${path} HTTP/1.1`,
    'Host: localhost',
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  ].join('\r\n');
}

/** A connection that has become a peer's, and has been welcomed. */
async function rawJoin(server, id, db = 'mydb_data') {
  const connection = await rawConnect(server);
  connection.write(`${handshake(`/${db}/connect?v=1.0.0&id=${id}&t=undefined`)}\r\n\r\n`);
  await connection.heard('welcome:');
  return connection;
}

/** A WebSocket frame of up to 125 bytes. */
function frame(opcode, payload, { isMasked = true, isFinal = true, reserved = 0 } = {}) {
  const data = Buffer.from(payload);
  const head = [(isFinal ? 0x80 : 0) | reserved | opcode, (isMasked ? 0x80 : 0) | data.length];
  // A mask of zeros leaves the payload as it is.
  return Buffer.concat([Buffer.from(head), isMasked ? Buffer.alloc(4) : Buffer.alloc(0), data]);
}

/** The code of the close frame that ends what a server has said; `undefined` if there is none. */
function closeCode(received) {
  const start = received.lastIndexOf(0x88);
  return start < 0 || received.length < start + 4 ? undefined : received.readUInt16BE(start + 2);
}

module.exports = { closeCode, frame, handshake, rawConnect, rawJoin };
