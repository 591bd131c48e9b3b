'use strict';

// Exchanges of HTTP byte by byte: what is said on a connection of its own, and all answers until the server closes it;
// beside it two peers of one database, who show whether a message was delivered meanwhile.

const assert = require('node:assert/strict');

const { join } = require('./peer.js');
const { rawConnect } = require('./raw.js');

/** The peer that messages are posted for. */
const SENDER = 'sender-1';
/** What a request that must not be executed would deliver. */
const SMUGGLED = 'smuggled';
/** What the sender says at the end. */
const END = 'the end';
/** Answers that have no body, whatever they say of its length. */
const BODILESS = new Set([101, 204, 304]);

class Scene {
  #server;
  #sender;
  #watcher;

  constructor(server, db, sender, watcher) {
    this.#server = server;
    this.db = db;
    this.#sender = sender;
    this.#watcher = watcher;
  }

  /** The target of a message of the sender. */
  get target() {
    return `/${this.db}/send?id=${SENDER}`;
  }

  /** A good request to send a message, which is not meant to be executed. */
  get smuggled() {
    return this.post(SMUGGLED);
  }

  /** A good request to send a message. */
  post(message) {
    return `POST ${this.target} HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(message)}\r\n\r\n${message}`;
  }

  /** The head of a good handshake for a third peer, without the empty line that ends it. */
  get handshake() {
    return [
      `GET /${this.db}/connect?v=1.0.0&id=third-1&t=undefined HTTP/1.1`,
      'Host: localhost',
      'Connection: Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    ].join('\r\n');
  }

  /**
   * Says something in one piece, and waits until the server has closed the connection.
   * @param {string} text In Latin-1.
   * @returns {Promise<object[]>} As {@link parseAnswers} gives them.
   */
  async answers(text, options) {
    const connection = await rawConnect(this.#server);
    connection.write(Buffer.from(text, 'latin1'));
    return parseAnswers(await connection.closed(), options);
  }

  /** A connection, to say things step by step. */
  connect() {
    return rawConnect(this.#server);
  }

  /** Demands that just these messages were delivered. */
  async delivered(...messages) {
    this.#sender.send(END);
    const found = [];
    while (found.at(-1) !== END) {
      found.push(await this.#watcher.next());
    }
    assert.deepEqual(found, [...messages, END]);
  }
}

/** Sets a scene in a database. */
async function setScene(server, db) {
  const sender = await join(server, SENDER, { db });
  const watcher = await join(server, 'watcher-1', { db });
  return new Scene(server, db, sender, watcher);
}

/**
 * Takes apart what a server has said. Anything that is not a whole answer fails.
 * @param {Buffer} received
 * @param {{ isToHead?: boolean }} [options] `isToHead`: the first answer is one to HEAD, and has no body.
 * @returns {{ status: number, version: string, headers: Record<string, string>, body: string }[]} What follows a 101 is
 *   its body.
 */
function parseAnswers(received, { isToHead = false } = {}) {
  const answers = [];
  let rest = received.toString('latin1');
  while (rest !== '') {
    const { head, after } = splitHead(rest);
    const answer = parseHead(head);
    const hasBody = !BODILESS.has(answer.status) && answer.status !== 100 && !(isToHead && answers.length === 0);
    const length = answer.status === 101 ? after.length : hasBody ? Number(answer.headers['content-length']) : 0;
    assert.ok(length <= after.length, `the body of an answer is whole: ${rest}`);
    answers.push({ ...answer, body: after.slice(0, length) });
    rest = after.slice(length);
  }
  return answers;
}

function splitHead(text) {
  const end = text.indexOf('\r\n\r\n');
  assert.ok(end >= 0, `the head of an answer is whole: ${text}`);
  return { head: text.slice(0, end), after: text.slice(end + 4) };
}

function parseHead(head) {
  const [first, ...lines] = head.split('\r\n');
  const [, version, status] = /^HTTP\/(1\.[01]) (\d{3}) [\x20-\x7e]*$/.exec(first) ?? [];
  assert.ok(status, `an answer begins with a status line: ${head}`);
  const headers = {};
  for (const line of lines) {
    const [, name, value] = /^([\w-]+): (.*)$/.exec(line) ?? [];
    assert.ok(name && !(name.toLowerCase() in headers), `each header of an answer is there once: ${head}`);
    headers[name.toLowerCase()] = value;
  }
  return { status: Number(status), version, headers };
}

/** The statuses of answers. */
function statuses(answers) {
  return answers.map((answer) => answer.status);
}

module.exports = { setScene, statuses };
