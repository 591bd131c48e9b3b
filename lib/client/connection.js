'use strict';

// Keeps one connection to a hub open, whatever happens to hubs and networks: tries all places where it may be, pauses
// between rounds, and notices silence. It ends nothing but itself. Knows nothing of messages but the welcome.

const { Backoff } = require('./backoff.js');
const { inUrl } = require('./hubs.js');
const { Socket } = require('./socket.js');
const { readWelcome } = require('./words.js');

/** How long a handshake may take, in milliseconds: where a hub restarts, it is answered by the next one. */
const HANDSHAKE_LIMIT = 10_000;

/** The same where there are other places to try. */
const SHORT_HANDSHAKE_LIMIT = 3000;

/** How long a hub may take for its welcome, in milliseconds: a second master is kept waiting. */
const WELCOME_LIMIT = 10_000;

/** How often it is looked whether the hub is silent, in milliseconds. */
const LOOK_INTERVAL = 1000;

/**
 * After how many looks without a word the hub is asked for a sign of life, and after how many it is given up. Where it
 * stands still, another one has its databases after three seconds, and keeps what is for its clients for ten more. Till
 * then they must be there, and they try the silent one once more.
 */
const LOOKS_BEFORE_PING = 3;
const LOOKS_BEFORE_END = 7;

/** A connection that has lasted so long, in milliseconds, was a good one: the next attempt follows at once. */
const GOOD_AGE = 500;

/**
 * @typedef {object} Handlers
 * @property {(welcome: object, socket: Socket, place: import('./hubs.js').Place) => void} opened
 * @property {(text: string) => void} heard
 * @property {() => void} drained
 * @property {(end: import('./socket.js').End, place: import('./hubs.js').Place) => void} lost After `opened`.
 * @property {(end: import('./socket.js').End, place: import('./hubs.js').Place) => void} refused Instead of `opened`.
 */

class Connection {
  #WebSocket;
  #hubs;
  #addressOf;
  #isSecure;
  #handlers;
  #backoff = new Backoff();
  #socket;
  #isOver = false;
  #wake = () => {};
  #silentLooks = 0;

  /**
   * @param {object} settings
   * @param {typeof import('ws').WebSocket} settings.WebSocket
   * @param {import('./hubs.js').Hubs} settings.hubs
   * @param {boolean} settings.isSecure
   * @param {() => string} settings.addressOf The path and query of each attempt.
   * @param {Handlers} handlers
   */
  constructor({ WebSocket, hubs, isSecure, addressOf }, handlers) {
    this.#WebSocket = WebSocket;
    this.#hubs = hubs;
    this.#isSecure = isSecure;
    this.#addressOf = addressOf;
    this.#handlers = handlers;
  }

  /** Connects, and connects again, until it is stopped. Never rejects. */
  async run() {
    while (!this.#isOver) {
      const wasGood = await this.#tryAll(await this.#hubs.places());
      if (wasGood) {
        this.#backoff.reset();
      } else if (!this.#isOver) {
        await this.#pause(this.#backoff.next());
      }
    }
  }

  /** No more attempts. What is open is the caller's to close. */
  stop() {
    this.#isOver = true;
    this.#wake();
  }

  /** Also ends an attempt that is under way. */
  abandon() {
    this.stop();
    this.#socket?.abandon('given up');
  }

  /** @returns {Promise<boolean>} Whether there was a good connection. */
  async #tryAll(places) {
    for (const place of places) {
      if (this.#isOver) {
        return false;
      }
      const age = await this.#connect(place, places.length);
      if (age !== undefined) {
        return age >= GOOD_AGE;
      }
    }
    return false;
  }

  /** @returns {Promise<number | undefined>} How long the connection lasted, in milliseconds, where there was one. */
  #connect(place, countOfPlaces) {
    return new Promise((resolve) => {
      let openSince;
      const welcomeLimit = setTimeout(() => socket.abandon('no welcome'), HANDSHAKE_LIMIT + WELCOME_LIMIT);
      const socket = new Socket(this.#WebSocket, this.#target(place, countOfPlaces), {
        opened: () => {},
        heard: (text) => {
          this.#silentLooks = 0;
          if (openSince !== undefined) {
            this.#handlers.heard(text);
            return;
          }
          const welcome = readWelcome(text);
          if (welcome) {
            openSince = performance.now();
            clearTimeout(welcomeLimit);
            this.#hubs.remember(place);
            watch = this.#watch(socket);
            this.#handlers.opened(welcome, socket, place);
          }
        },
        drained: () => this.#handlers.drained(),
        ended: (end) => {
          clearTimeout(welcomeLimit);
          clearInterval(watch);
          if (openSince === undefined) {
            this.#handlers.refused(end, place);
            resolve(undefined);
          } else {
            this.#handlers.lost(end, place);
            resolve(performance.now() - openSince);
          }
        },
      });
      let watch;
      this.#socket = socket;
    });
  }

  #target({ host, port, address, family }, countOfPlaces) {
    const url = `ws${this.#isSecure ? 's' : ''}://${inUrl(host)}:${port}${this.#addressOf()}`;
    return { url, address, family, limit: countOfPlaces > 1 ? SHORT_HANDSHAKE_LIMIT : HANDSHAKE_LIMIT };
  }

  /**
   * Counts looks rather than time: a process that stands still itself must not take the hub for dead before it has read
   * what has come meanwhile.
   */
  #watch(socket) {
    this.#silentLooks = 0;
    const look = () => {
      this.#silentLooks++;
      if (this.#silentLooks >= LOOKS_BEFORE_END) {
        socket.abandon('the hub is silent');
      } else if (this.#silentLooks >= LOOKS_BEFORE_PING) {
        socket.send('ping');
      }
    };
    return setInterval(look, LOOK_INTERVAL).unref();
  }

  /** Keeps the process alive: it has a database, and nothing else perhaps. */
  #pause(duration) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, duration);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

module.exports = { Connection };
