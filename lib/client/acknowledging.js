'use strict';

// When what was heard is acknowledged: with what is sent meanwhile, or else by itself. Knows a conversation, and
// nothing of connections.

/** After how long it goes with what is sent next, and after as long again by itself, in milliseconds. */
const PATIENCE = 50;

class Acknowledging {
  #conversation;
  #send;
  #timer;

  /**
   * @param {import('./conversation.js').Conversation} conversation
   * @param {(frame: string) => void} send
   */
  constructor(conversation, send) {
    this.#conversation = conversation;
    this.#send = send;
  }

  /** Something was heard. */
  begin() {
    if (this.#conversation.owes && this.#timer === undefined) {
      this.#timer = setTimeout(() => {
        this.#conversation.acknowledgeNext();
        this.#timer = setTimeout(() => this.#acknowledge(), PATIENCE).unref();
      }, PATIENCE).unref();
    }
  }

  #acknowledge() {
    this.#timer = undefined;
    const frame = this.#conversation.acknowledge();
    if (frame) {
      this.#send(frame);
    }
  }

  /** There is no connection any more. */
  stop() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

module.exports = { Acknowledging };
