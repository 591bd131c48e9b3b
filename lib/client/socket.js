'use strict';

// One WebSocket to a hub, from its handshake to its end. Messages of one turn of the event loop leave in one write:
// they are framed here, and not by `ws`, which makes two of each.
// Knows nothing of what the texts say.

const { framesOf } = require('./frames.js');

/** The longest frame that is taken, in bytes: JavaScript's strings are not much longer. */
const MAX_FRAME = 512 * 1024 * 1024;

/** How many bytes may wait for a hub that does not read before no more are given. */
const MAX_BUFFERED = 16 * 1024 * 1024;

/** What is sent in one turn leaves in pieces of so many UTF-16 units, so that little of it is twice in memory. */
const MAX_TOGETHER = 256 * 1024;

/** The state of a WebSocket that may send. */
const OPEN = 1;

/** How long a hub may take to answer a farewell, in milliseconds. */
const CLOSE_LIMIT = 1000;

/** How much of a refusal's reason is read, in characters, and how long it may take, in milliseconds. */
const MAX_REASON = 500;
const REASON_LIMIT = 1000;

/**
 * @typedef {object} End Why there is no connection any more, or was none.
 * @property {number} [status] Of HTTP: the hub refused.
 * @property {number} [code] Of the close frame.
 * @property {string} reason
 */

class Socket {
  #ws;
  #stream;
  /** What was sent in this turn of the event loop, as long as it is short. @type {string[]} */
  #together = [];
  #lengthTogether = 0;
  #isOver = false;
  #handlers;
  #limit;

  /**
   * @param {typeof import('ws').WebSocket} WebSocket
   * @param {{ url: string, address?: string, family?: number, limit: number }} target `limit`: of the handshake, in
   *   milliseconds.
   * @param {{ opened(): void, heard(text: string): void, drained(): void, ended(end: End): void }} handlers `ended` is
   *   the last call.
   */
  constructor(WebSocket, { url, address, family, limit }, handlers) {
    this.#handlers = handlers;
    this.#ws = new WebSocket(url, {
      perMessageDeflate: false,
      skipUTF8Validation: true,
      allowSynchronousEvents: true,
      maxPayload: MAX_FRAME,
      followRedirects: false,
      ...(address && { lookup: answer(address, family) }),
    });
    this.#ws.on('upgrade', (response) => this.#keep(response.socket));
    this.#ws.on('open', () => handlers.opened());
    this.#ws.on('message', (data, isBinary) => isBinary || this.#isOver || handlers.heard(data.toString()));
    this.#ws.on('unexpected-response', (request, response) => this.#readRefusal(request, response));
    this.#ws.on('error', (error) => this.#end({ reason: explain(error) }));
    this.#ws.on('close', (code, reason) => this.#end({ code, reason: String(reason) || `closed with ${code}` }));
    this.#limit = setTimeout(() => this.abandon(`no answer within ${limit} ms`), limit);
  }

  #keep(stream) {
    clearTimeout(this.#limit);
    this.#stream = stream;
    stream.setNoDelay(true);
    stream.on('drain', () => this.#isOver || this.#handlers.drained());
  }

  /** Whether `ended` was called. */
  get isOver() {
    return this.#isOver;
  }

  /** Nothing more is read for a while. Texts that were read already still come. */
  pause() {
    this.#ws.pause?.();
  }

  resume() {
    this.#ws.resume?.();
  }

  /** Whether more may be sent now. If not, `drained` is called when it may. */
  get hasRoom() {
    return this.#stream.writableLength + this.#lengthTogether < MAX_BUFFERED;
  }

  /** Sends a text: with all that follows in this turn of the event loop. */
  send(text) {
    if (this.#together.length === 0) {
      process.nextTick(() => this.flush());
    }
    this.#together.push(text);
    this.#lengthTogether += text.length;
    if (this.#lengthTogether > MAX_TOGETHER) {
      this.flush();
    }
  }

  /** Gives what was sent to the kernel, as far as that takes it. */
  flush() {
    if (this.#together.length > 0) {
      const bytes = framesOf(this.#together);
      this.#together = [];
      this.#lengthTogether = 0;
      if (this.#ws.readyState === OPEN) {
        this.#stream.write(bytes);
      }
    }
  }

  /** Says farewell. */
  close(code, reason) {
    this.flush();
    this.#ws.close(code, reason);
    setTimeout(() => this.#ws.terminate(), CLOSE_LIMIT).unref();
  }

  /** Gives the connection up, without a word. */
  abandon(reason) {
    this.#end({ reason });
    this.#ws.terminate();
  }

  #end(end) {
    if (!this.#isOver) {
      this.#isOver = true;
      clearTimeout(this.#limit);
      this.#handlers.ended(end);
    }
  }

  #readRefusal(request, response) {
    const status = response.statusCode;
    let text = '';
    const finish = () => {
      clearTimeout(timer);
      request.destroy();
      this.#end({ status, reason: text.trim() || `HTTP status ${status}` });
    };
    const timer = setTimeout(finish, REASON_LIMIT);
    response.setEncoding('utf8');
    response.on('data', (part) => {
      text = (text + part).slice(0, MAX_REASON);
    });
    response.on('end', finish);
    response.on('error', finish);
  }
}

/** A look-up of which the answer is known. */
function answer(address, family) {
  return (_name, options, callback) =>
    options.all ? callback(null, [{ address, family }]) : callback(null, address, family);
}

/** Node.js joins the errors of several addresses into one without a message. */
function explain(error) {
  const errors = error.errors ?? [error];
  return errors.map(({ message, code }) => message || code).join(', ') || String(error);
}

module.exports = { Socket };
