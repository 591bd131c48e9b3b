'use strict';

// What a peer hears: reads texts of the hub and of other peers, and hands to AceBase what is for it, in the form that
// its code can take. Whatever comes, it never throws.

const { randomBytes } = require('node:crypto');

const { Latecomers } = require('./latecomers.js');
const { ANSWERS, loggerOf } = require('./requests.js');

class Listener {
  #peer;
  #requests;
  #values;
  #send;
  #latecomers;
  #grants;
  #ownLocks;
  #fence;
  /** Whether the master has the extension, too, so that no request and no answer gets lost. */
  #isMasterReliable = false;

  /**
   * @param {object} peer AceBase's.
   * @param {import('./requests.js').Requests} requests
   * @param {import('./values.js').Values} values
   * @param {{ grants: import('./grants.js').Grants, ownLocks: import('./own-locks.js').OwnLocks,
   *   fence: import('./fence.js').Fence }} locks
   * @param {(message: object) => void} send
   * @param {() => boolean} isHeldByHub Whether the hub gives to the next master what this one has not answered.
   */
  constructor(peer, requests, values, { grants, ownLocks, fence }, send, isHeldByHub) {
    this.#peer = peer;
    this.#requests = requests;
    this.#values = values;
    this.#grants = grants;
    this.#ownLocks = ownLocks;
    this.#fence = fence;
    this.#send = send;
    this.#latecomers = new Latecomers(peer, isHeldByHub, (message) => this.#handOver(message));
  }

  /**
   * A text that is no message.
   * @param {string} text
   */
  hearHub(text) {
    if (text.startsWith('disconnect:')) {
      this.#drop(text.slice('disconnect:'.length));
    } else if (text.startsWith('fence:')) {
      this.#fence.hear(text.slice('fence:'.length));
    } else if (!text.startsWith('connect:') && !text.startsWith('welcome:')) {
      this.#log('warn', `IPC: the hub says: ${text.slice(0, 500)}`);
    }
  }

  /** All others hear of it themselves: nobody needs to say farewell on its behalf. */
  #drop(id) {
    if (id === this.#peer.masterPeerId) {
      this.#isMasterReliable = false;
      this.#grants.doubt();
    }
    if (this.#peer.peers.some((peer) => peer.id === id)) {
      this.#peer.removePeer(id, true);
    }
  }

  /**
   * A message.
   * @param {string} text
   * @param {string} [life] Its sender's, where that has the extension.
   */
  hear(text, life) {
    try {
      this.#take(this.#values.read(text), life);
    } catch (error) {
      this.#log('error', `IPC: a message was not understood: ${error.message}`);
    }
  }

  #take(message, life) {
    if (message.type === 'unsubscribe') {
      this.#unsubscribe(message.from, message.data);
      return;
    }
    this.#isMasterReliable ||= life !== undefined && message.from === this.#peer.masterPeerId;
    if (message.type === 'notification' && this.#isMasterReliable) {
      this.#requests.othersMoved();
    }
    if (this.#latecomers.holdBack(message)) {
      return;
    }
    if (ANSWERS.has(message.type)) {
      const kind = this.#requests.answer(message);
      if (kind === 'late') {
        this.#giveBack(message);
      }
      if (kind !== 'awaited') {
        return;
      }
      this.#noteGrant(message, life);
    }
    this.#handOver(message);
  }

  #handOver(message) {
    if (message.type === 'lock-request') {
      this.#fence.letThrough(message.data);
    }
    this.#peer
      .handleMessage(message)
      .catch((error) => this.#log('error', `IPC: ${message.type} failed: ${error.message}`));
  }

  /** AceBase's own code looks for another subscription than the one that is meant. */
  #unsubscribe(from, { path, event }) {
    const { remoteSubscriptions, storage } = this.#peer;
    const subscription = remoteSubscriptions.find(
      (one) => one.for === from && one.event === event && one.path === path,
    );
    if (subscription) {
      // The storage tells the peer of it, which strikes it off its list.
      storage.subscriptions.remove(path, event, subscription.callback);
    }
  }

  /** A lock that nobody waits for any more would stay with this process until it expires. */
  #giveBack({ type, ok, from, data }) {
    if (type === 'lock-result' && ok === true) {
      const id = randomBytes(12).toString('hex');
      this.#send({ type: 'unlock-request', id, from: this.#peer.id, to: from, data: { id: data.id } });
    }
  }

  #noteGrant({ type, ok, data }, life) {
    if (type === 'lock-result' && ok === true) {
      data.tid = this.#ownLocks.whoIs(data.tid);
      this.#grants.note(data, life);
    }
  }

  /** Nothing is heard any more. */
  stop() {
    this.#latecomers.stop();
  }

  #log(level, text) {
    loggerOf(this.#peer)?.[level]?.(text);
  }
}

module.exports = { Listener };
