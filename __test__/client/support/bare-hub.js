'use strict';

// A bare server of the wire protocol, as version 1 was: it carries messages, and does nothing else. It notes what it
// hears, and answers as the test says.

const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const http = require('node:http');
const https = require('node:https');

const { WebSocketServer } = require('ws');

const MAX_PAYLOAD = 16_384;

class BareHub {
  #server;
  #sockets = new WebSocketServer({ noServer: true });
  #clients = new Map();
  /** Addresses of all upgrades, as they were sent. */
  addresses = [];
  /** `{ from, text }` of all messages, in the order of their arrival; `over`: 'socket' or 'http'. */
  heard = [];
  /** `{ from, code }` of connections that have ended. */
  ended = [];
  /** Bytes of each read of a client's socket. */
  reads = [];
  /** How many messages got lost. */
  dropped = 0;

  /**
   * @param {{ port?: number, status?: number, drops?: string, ssl?: object }} options `status`: refuse everybody.
   *   `drops`: messages of this type get lost.
   */
  constructor(options) {
    this.options = options;
    const answer = (request, response) => this.#answer(request, response);
    const { ssl } = options;
    this.#server = ssl
      ? https.createServer({ cert: readFileSync(ssl.certPath), key: readFileSync(ssl.keyPath) }, answer)
      : http.createServer(answer);
  }

  async start() {
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    this.#server.listen(this.options.port ?? 0, '127.0.0.1');
    await once(this.#server, 'listening');
    this.port = this.#server.address().port;
  }

  #upgrade(request, socket, head) {
    socket.on('error', () => {});
    const { status } = this.options;
    if (status) {
      socket.end(`HTTP/1.1 ${status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
      return;
    }
    this.addresses.push(request.url);
    const id = new URL(request.url, 'http://hub').searchParams.get('id');
    socket.on('data', (data) => this.reads.push(data.length));
    this.#sockets.handleUpgrade(request, socket, head, (client) => this.#join(id, client));
  }

  #join(id, client) {
    this.#clients.set(id, client);
    client.send(`welcome:{"maxPayload":${MAX_PAYLOAD}}`);
    this.#tell(id, `connect:${id}`);
    client.on('message', (data) => this.#route(id, data.toString(), 'socket'));
    client.on('error', () => {});
    client.on('close', (code) => {
      this.ended.push({ from: id, code });
      this.#clients.delete(id);
      this.#tell(id, `disconnect:${id}`);
    });
  }

  #route(from, text, over) {
    if (text === 'ping') {
      this.#clients.get(from)?.send('pong');
      return;
    }
    this.heard.push({ from, text, over });
    if (text.includes(`"type":"${this.options.drops}"`)) {
      this.dropped++;
      return;
    }
    const [, to, message] = /^to:([^;]*);(.*)$/s.exec(text) ?? [];
    if (to === undefined) {
      this.#tell(from, text);
    } else {
      this.#clients.get(to)?.send(message);
    }
  }

  #tell(from, text) {
    for (const [id, client] of this.#clients) {
      if (id !== from) {
        client.send(text);
      }
    }
  }

  async #answer(request, response) {
    const from = new URL(request.url, 'http://hub').searchParams.get('id');
    const parts = await request.toArray();
    this.#route(from, Buffer.concat(parts).toString(), 'http');
    response.end('ok');
  }

  /** Messages of a type, parsed. */
  messages(type) {
    return this.heard
      .map(({ text, ...rest }) => ({ ...JSON.parse(text.slice(text.indexOf('{'))), ...rest }))
      .filter((message) => message.type === type);
  }

  /** Says something to a client. */
  say(id, text) {
    this.#clients.get(id).send(text);
  }

  async stop() {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    for (const client of this.#clients.values()) {
      client.terminate();
    }
    await closed;
  }
}

/**
 * Starts a bare hub.
 * @param {{ after(action: () => unknown): void }} t It ends with this test.
 */
async function startBareHub(t, options = {}) {
  const hub = new BareHub(options);
  await hub.start();
  let isRunning = true;
  const { stop } = hub;
  hub.stop = async () => {
    if (isRunning) {
      isRunning = false;
      await stop.call(hub);
    }
  };
  t.after(() => hub.stop());
  return hub;
}

module.exports = { startBareHub };
