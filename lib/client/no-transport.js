'use strict';

// Stands for a transport that cannot be: requests fail with the reason, instead of waiting for ever.

const { REQUESTS, Requests } = require('./requests.js');
const { States } = require('./states.js');

class NoTransport {
  #reason;
  #requests;
  #states;

  /**
   * @param {object} peer AceBase's.
   * @param {Error} error Why there is none.
   */
  constructor(peer, error) {
    this.#reason = error.message;
    this.#requests = new Requests(peer, 1, () => true);
    this.#states = new States(peer);
  }

  start() {
    this.#states.refused({ reason: this.#reason });
  }

  lock(_details, ask) {
    return ask();
  }

  send({ id, type }) {
    if (REQUESTS.has(type) || type === 'unlock-request') {
      this.#requests.fail(id, 'ERR_IPC_NOT_SENT', `was not sent: ${this.#reason}`);
    }
  }

  async fetch() {
    throw new Error(this.#reason);
  }
}

module.exports = { NoTransport };
