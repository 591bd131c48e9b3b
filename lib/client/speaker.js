'use strict';

// What a peer says: makes texts of its messages, and puts them where they wait for a connection, within bounds.
// Whatever it says, this never throws: what cannot be sent is told to whoever waits for an answer.

const { KINDS } = require('./outgoing.js');
const { loggerOf, REQUESTS } = require('./requests.js');

/** The longest message that a hub takes that does not say it, in bytes: the default of this package's server. */
const DEFAULT_LIMIT = 100 * 1024 * 1024;

/** Room for `#<number> ` before a message, in bytes. */
const FRAME_HEAD = 24;

/**
 * Notifications of which others must know before they get the next lock: they leave with the release of the present
 * one, or when a transaction of the program's own goes on under it.
 */
const WITH_RELEASE = new Set(['cache.update', 'cache.invalidate']);

/** Types of messages that others want to know, and can do without. */
const NEWS = new Set(['event', 'notification']);

class Speaker {
  #peer;
  #values;
  #requests;
  #outgoing;
  #limit = DEFAULT_LIMIT;
  /** News had no room: others must hear that they have missed something. */
  #hasDropped = false;

  /**
   * @param {object} peer AceBase's.
   * @param {import('./values.js').Values} values
   * @param {import('./requests.js').Requests} requests
   * @param {import('./outgoing.js').Outgoing} outgoing
   */
  constructor(peer, values, requests, outgoing) {
    this.#peer = peer;
    this.#values = values;
    this.#requests = requests;
    this.#outgoing = outgoing;
  }

  /** The longest message, in bytes of UTF-8, where the hub says it. */
  set limit(bytes) {
    this.#limit = bytes ?? DEFAULT_LIMIT;
  }

  /**
   * @param {object} message
   * @returns {boolean} Whether it can wait for what comes next.
   */
  say(message) {
    const { type, id, data } = message;
    if (type === 'unsubscribe' && this.#isStillSubscribed(data)) {
      return true;
    }
    const kind = kindOf(type);
    const text = this.#write(message);
    if (text !== undefined) {
      const canComeTwice = type === 'unlock-request';
      if (kind === KINDS.request) {
        this.#requests.begin(message);
      }
      this.#queue({ text, kind, id: kind === KINDS.request ? id : undefined, canComeTwice });
    }
    if (type === 'unlock-request') {
      // Nothing is gained by the answer: what this process asks for next arrives behind it.
      this.#requests.settle(id, { id: data.id });
    }
    return type === 'notification' && WITH_RELEASE.has(data?.type);
  }

  /** Another listener of this process still wants to hear of it. */
  #isStillSubscribed({ path, event }) {
    return this.#peer.ourSubscriptions.some((one) => one.path === path && one.event === event);
  }

  /** @returns {string | undefined} Nothing: it cannot be sent. */
  #write(message) {
    try {
      const json = this.#values.write(message);
      const text = typeof message.to === 'string' ? `to:${message.to};${json}` : json;
      if (this.#isTooLong(text)) {
        throw new Error(`it has more than the ${this.#limit} bytes that the server takes`);
      }
      return text;
    } catch (error) {
      this.fail(message, error.message);
      return undefined;
    }
  }

  /** Texts have at least as many bytes as units, and at most three times as many. */
  #isTooLong(text) {
    const room = this.#limit - FRAME_HEAD;
    return text.length * 3 > room && Buffer.byteLength(text) > room;
  }

  /**
   * A message was not sent.
   * @param {{ id?: string, type: string }} message
   * @param {string} reason
   */
  fail({ id, type }, reason) {
    loggerOf(this.#peer)?.error(`IPC: a message of type ${type} was not sent: ${reason}`);
    this.#requests.fail(id, 'ERR_IPC_NOT_SENT', `was not sent: ${reason}`);
  }

  #queue(entry) {
    if (this.#outgoing.add(entry)) {
      return;
    }
    if (entry.kind === KINDS.request) {
      this.#requests.fail(entry.id, 'ERR_IPC_QUEUE_FULL', 'was not sent: too many wait for a connection already');
    } else if (!this.#hasDropped) {
      this.#hasDropped = true;
      loggerOf(this.#peer)?.error('IPC: too much waits for a connection: other processes miss events');
    }
  }

  /** What others have missed may be in their caches. */
  makeUpForDropped() {
    if (this.#hasDropped) {
      this.#hasDropped = false;
      const data = { type: 'cache.invalidate', path: '', recursive: true, reason: 'ipc_queue_full' };
      const text = JSON.stringify({ type: 'notification', from: this.#peer.id, data });
      this.#outgoing.add({ text, kind: KINDS.duty });
    }
  }
}

function kindOf(type) {
  if (REQUESTS.has(type)) {
    return KINDS.request;
  }
  return NEWS.has(type) ? KINDS.news : KINDS.duty;
}

module.exports = { NEWS, Speaker };
