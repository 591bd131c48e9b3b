'use strict';

// A raw client of the extension (docs/extension.md): it says and hears frames, counts what it has had, and knows
// nothing of AceBase.

const { connect } = require('./peer.js');

/** One life: it may have several connections, one after the other. */
class Life {
  #last = 0;

  constructor(id, life = `${id}0000000000000000`.replaceAll(/[^0-9A-Za-z]/g, '')) {
    this.id = id;
    this.life = life;
    /** What the hub has agreed to in its last welcome. */
    this.terms = undefined;
    /** How many numbered frames of the session it has had. */
    this.had = 0;
  }

  /** Connects, and takes the welcome off. */
  async join(server, { had = this.had } = {}) {
    const past = this.terms ? `&session=${this.terms.session}&had=${had}` : '';
    const query = `v=1.0.0&id=${this.id}&t=undefined&reliable=1&life=${this.life}${past}`;
    this.peer = await connect(server, this.id, { query });
    const welcome = await this.peer.next();
    this.terms = JSON.parse(welcome.replace(/^welcome:/, '')).reliable;
    this.had = this.terms.resumed ? had : 0;
    return this;
  }

  /** The next frame, whatever it is. */
  async next() {
    const frame = await this.peer.next();
    this.had += frame.startsWith('#') ? 1 : 0;
    return frame;
  }

  /** The next numbered frame that is not of the hub itself. */
  async nextOf(life) {
    for (;;) {
      const frame = await this.next();
      if (frame.startsWith(`#${life.life},`)) {
        return frame.slice(life.life.length + 2);
      }
    }
  }

  /** The next acknowledgement. */
  async nextAcknowledgement() {
    for (;;) {
      const frame = await this.next();
      if (frame.startsWith('=')) {
        return Number(frame.slice(1));
      }
    }
  }

  /** Says something, under the next number. */
  say(text) {
    this.#last += 1;
    this.peer.send(`#${this.#last} ${text}`);
    return this.#last;
  }

  /** Acknowledges what it has had. */
  acknowledge() {
    this.peer.send(`=${this.had}`);
  }

  /** Breaks the connection without a word. */
  async cut() {
    this.peer.socket.terminate();
    await this.peer.closed;
  }
}

module.exports = { Life };
