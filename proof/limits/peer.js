'use strict';

// A client of the wire protocol that is as little as a client can be, so that one process can be ten thousand of them,
// and come and go two thousand times a second.

const net = require('node:net');

/**
 * How long, in milliseconds, a server may take for one answer. Real clients end their process after ten seconds without
 * one.
 */
const PATIENCE = 10_000;

const HEAD_END = '\r\n\r\n';
const EMPTY = Buffer.alloc(0);
const TEXT = 0x81;
const CLOSE = 0x88;
/** First values of a frame's length byte that say that the length follows, in two or in eight bytes. */
const LENGTH_16 = 126;
const LENGTH_64 = 127;
/** Says that a frame is masked, as those of clients are. */
const MASKED = 0x80;
/** A mask of zeros leaves the payload as it is. */
const MASK = Buffer.alloc(4);
/** The close frame with code 1000. */
const GOODBYE = Buffer.concat([Buffer.from([CLOSE, MASKED | 2]), MASK, Buffer.from([0x03, 0xe8])]);

/** How a peer leaves: with a close frame that is answered, or with a reset (RST) that no server can see coming. */
const Leave = Object.freeze({ CLOSE: 'close', RESET: 'reset' });

/** An id of the form that AceBase generates: time, counter, fingerprint and random part. */
function acebaseId(n) {
  return `mib3xk2w${base36(n, 4)}p7q1${base36(n, 8)}`;
}

/** An id that is not AceBase's. */
function plainId(n) {
  return `peer-${base36(n, 8)}`;
}

function base36(n, digits) {
  return n.toString(36).padStart(digits, '0').slice(-digits);
}

class Peer {
  #socket;
  #unparsed = EMPTY;
  #isUpgraded = false;
  #hear;
  /** What is waited for: `{ what, isIt, resolve, reject, timer }`. */
  #waiting;
  /** Why nothing can come any more. */
  #end;

  /**
   * @param {{ port: number, db: string, id: string, hear?: (text: string) => void, from?: string }} who `from`: the
   *   loopback address that it comes from, where the usual one will not do: it has ports for less than thirty thousand
   *   connections, those closed within the last minute included.
   */
  constructor({ port, db, id, hear = () => {}, from }) {
    this.#hear = hear;
    this.#socket = net.connect({ port, host: '127.0.0.1', localAddress: from, noDelay: true });
    this.#socket.on('data', (data) => this.#take(data));
    this.#socket.on('error', (error) => this.#ended(error.message));
    this.#socket.on('close', () => this.#ended('the connection was closed'));
    this.#socket.write(
      `GET /${db}/connect?v=1.0.0&id=${id}&t=undefined HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n` +
        `Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==${HEAD_END}`,
    );
  }

  /** Connects, and waits for the welcome. Rejects where it is refused or does not come in time. */
  static async join(who, patience) {
    const peer = new Peer(who);
    await peer.welcomed(patience);
    return peer;
  }

  welcomed(patience) {
    return this.#wait('the welcome', (text) => text.startsWith('welcome:'), patience);
  }

  /** Asks for a sign of life, and waits for it: whatever was sent before has been taken then. */
  ping() {
    this.send('ping');
    return this.#wait('pong', (text) => text === 'pong');
  }

  send(text) {
    const payload = Buffer.from(text);
    this.#socket.write(Buffer.concat([frameHead(payload.length), MASK, payload]));
  }

  /** Leaves, and waits until the connection is gone. Rejects where a close frame is not answered. */
  async leave(how) {
    if (how === Leave.RESET) {
      const gone = new Promise((resolve) => this.#socket.once('close', resolve));
      this.#socket.resetAndDestroy();
      await gone;
    } else {
      const answered = this.#wait('the answer to the close frame', (text) => text === Leave.CLOSE);
      this.#socket.write(GOODBYE);
      await answered;
    }
  }

  #wait(what, isIt, patience = PATIENCE) {
    return new Promise((resolve, reject) => {
      if (this.#end) {
        reject(new Error(`${what} did not come: ${this.#end}`));
        return;
      }
      const timer = setTimeout(() => this.#ended(`nothing came for ${patience} ms`), patience);
      this.#waiting = { what, isIt, resolve, reject, timer };
    });
  }

  #ended(why) {
    this.#end ??= why;
    this.#settle((waiting) => waiting.reject(new Error(`${waiting.what} did not come: ${this.#end}`)));
  }

  #settle(how) {
    const waiting = this.#waiting;
    if (waiting) {
      this.#waiting = undefined;
      clearTimeout(waiting.timer);
      how(waiting);
    }
  }

  #take(data) {
    let rest = this.#unparsed.length > 0 ? Buffer.concat([this.#unparsed, data]) : data;
    if (!this.#isUpgraded) {
      rest = this.#upgrade(rest);
    }
    if (this.#isUpgraded) {
      rest = this.#takeFrames(rest);
    }
    // A copy: a few bytes must not keep the whole buffer that they came in.
    this.#unparsed = rest.length > 0 ? Buffer.from(rest) : EMPTY;
  }

  #upgrade(data) {
    const end = data.indexOf(HEAD_END);
    if (end < 0) {
      return data;
    }
    const head = data.toString('latin1', 0, end);
    if (!head.startsWith('HTTP/1.1 101 ')) {
      this.#ended(`refused with ${head.split('\r\n', 1)[0]}`);
      this.#socket.destroy();
      return EMPTY;
    }
    this.#isUpgraded = true;
    return data.subarray(end + HEAD_END.length);
  }

  #takeFrames(data) {
    let start = 0;
    for (let frame = frameAt(data, start); frame; frame = frameAt(data, start)) {
      if (frame.opcode === CLOSE) {
        this.#text(Leave.CLOSE);
        this.#ended('the server closed');
      } else if (frame.opcode === TEXT) {
        this.#text(data.toString('utf8', frame.from, frame.to));
      } else {
        this.#ended(`a frame of an unexpected kind came: ${frame.opcode}`);
      }
      start = frame.to;
    }
    return data.subarray(start);
  }

  #text(text) {
    if (this.#waiting?.isIt(text)) {
      this.#settle((waiting) => waiting.resolve());
    } else {
      this.#hear(text);
    }
  }
}

/** The opcode byte, begin and end of the whole frame at a place; `undefined` if it is not all there. */
function frameAt(data, start) {
  if (data.length < start + 2) {
    return undefined;
  }
  const first = data[start + 1];
  const headLength = first === LENGTH_64 ? 10 : first === LENGTH_16 ? 4 : 2;
  const from = start + headLength;
  if (data.length < from) {
    return undefined;
  }
  const to = from + payloadLength(data, start, first);
  return data.length < to ? undefined : { opcode: data[start], from, to };
}

function payloadLength(data, start, first) {
  switch (first) {
    case LENGTH_64:
      return Number(data.readBigUInt64BE(start + 2));
    case LENGTH_16:
      return data.readUInt16BE(start + 2);
    default:
      return first;
  }
}

function frameHead(length) {
  if (length < LENGTH_16) {
    return Buffer.from([TEXT, MASKED | length]);
  }
  const head = Buffer.from([TEXT, MASKED | LENGTH_16, 0, 0]);
  head.writeUInt16BE(length, 2);
  return head;
}

module.exports = { acebaseId, Leave, PATIENCE, Peer, plainId };
