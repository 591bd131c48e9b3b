'use strict';

// What a client says to a hub and hears of it, over all its connections: with the extension each message exactly once,
// without it as the published protocol has it. Pure: it is told what happens, and asked what to send.

const { randomBytes } = require('node:crypto');

const { Incoming } = require('./incoming.js');
const { Outgoing } = require('./outgoing.js');
const { readAcknowledgement, readNumbered } = require('./words.js');

/** After so many messages they are acknowledged at the latest. */
const MAX_OWED = 64;

/** The version of the extension. */
const VERSION = 1;

/** How a connection begins. */
const BEGINNINGS = Object.freeze({ plain: 'plain', fresh: 'fresh', resumed: 'resumed' });

/** What a frame means to its receiver. */
const HEARD = Object.freeze({ text: 'text', nothing: 'nothing', nonsense: 'nonsense' });

class Conversation {
  /** One client's, from its construction to its end, over all hubs and connections. */
  life = newLife();
  outgoing = new Outgoing();
  #incoming = new Incoming();
  /** What the hub calls what it has in common with this life; empty before the first welcome. */
  #session = '';
  /** Whether there was another session before this one. */
  #wasElsewhere = false;
  #isReliable = false;
  #owed = 0;
  #isDue = false;
  /** Frames that go before all messages. */
  #first = [];

  /** Whether this connection has the extension. */
  get isReliable() {
    return this.#isReliable;
  }

  /** Whether an acknowledgement is due when nothing else is sent for a while. */
  get owes() {
    return this.#owed > 0;
  }

  /** Whether it is due now, whatever else is sent. */
  get mustAcknowledge() {
    return this.#owed >= MAX_OWED;
  }

  /** It goes with whatever is sent next. */
  acknowledgeNext() {
    this.#isDue = true;
  }

  /** What the address says of this client, so that a hub can offer the extension and go on with the session. */
  get offer() {
    const session = this.#session && `&session=${encodeURIComponent(this.#session)}&had=${this.#incoming.had}`;
    return `reliable=${VERSION}&life=${this.life}${session}`;
  }

  /**
   * A connection begins.
   * @param {{ reliable?: { session: string, had: number, resumed: boolean, told: boolean } }} welcome
   * @param {() => object} [tellState] What a hub must know that was told nothing.
   * @returns {{ beginning: keyof typeof BEGINNINGS, uncertain: import('./outgoing.js').Entry[] }} `uncertain`: what
   *   was sent, is not acknowledged and cannot be sent again.
   */
  open({ reliable }, tellState = () => ({})) {
    this.#isReliable = isOffer(reliable);
    this.#owed = 0;
    this.#isDue = false;
    this.#first = [];
    if (!this.#isReliable) {
      this.#session = '';
      this.#wasElsewhere = true;
      this.#incoming.restart();
      return { beginning: BEGINNINGS.plain, uncertain: this.outgoing.giveUpSent() };
    }
    const isResumed = reliable.resumed === true && reliable.session === this.#session;
    this.#wasElsewhere ||= !isResumed && this.#session !== '';
    this.#session = reliable.session;
    if (isResumed) {
      this.outgoing.resume(reliable.had);
    } else {
      this.#incoming.restart();
      this.outgoing.restart();
    }
    const state = this.#wasElsewhere && reliable.told !== true ? tellState() : undefined;
    if (state) {
      this.#first.push(`~${JSON.stringify(state)}`);
    }
    return { beginning: isResumed ? BEGINNINGS.resumed : BEGINNINGS.fresh, uncertain: [] };
  }

  /** @returns {string | undefined} The next frame to send; without the extension the next message. */
  next() {
    if (!this.#isReliable) {
      return this.outgoing.takePlain()?.text;
    }
    if (this.#first.length > 0) {
      return this.#first.shift();
    }
    if (this.mustAcknowledge) {
      return this.acknowledge();
    }
    const entry = this.outgoing.takeNumbered();
    if (!entry) {
      return this.#isDue ? this.acknowledge() : undefined;
    }
    return `${entry.isUncertain ? '!' : '#'}${entry.number} ${entry.text}`;
  }

  /** @returns {string | undefined} The acknowledgement that is owed. */
  acknowledge() {
    if (this.#owed === 0) {
      this.#isDue = false;
      return undefined;
    }
    this.#owed = 0;
    this.#isDue = false;
    return `=${this.#incoming.had}`;
  }

  /**
   * A frame has come.
   * @param {string} frame
   * @returns {{ kind: keyof typeof HEARD, text?: string, life?: string }} `text`: for whoever reads messages.
   *   `life`: of its sender. `nonsense`: this hub cannot be believed.
   */
  hear(frame) {
    if (!this.#isReliable) {
      return { kind: HEARD.text, text: frame };
    }
    if (frame.startsWith('#')) {
      return this.#hearNumbered(frame);
    }
    if (frame.startsWith('=')) {
      return this.#hearAcknowledgement(readAcknowledgement(frame));
    }
    return { kind: frame === 'pong' ? HEARD.nothing : HEARD.text, text: frame };
  }

  #hearNumbered(frame) {
    const numbered = readNumbered(frame);
    if (!numbered) {
      return { kind: HEARD.nonsense };
    }
    const { text, life, number } = numbered;
    this.#owed++;
    return this.#incoming.accept(life, number) ? { kind: HEARD.text, text, life } : { kind: HEARD.nothing };
  }

  #hearAcknowledgement(number) {
    if (number === undefined || number > this.outgoing.lastNumber) {
      return { kind: HEARD.nonsense };
    }
    this.outgoing.acknowledge(number);
    return { kind: HEARD.nothing };
  }
}

function isOffer(reliable) {
  return typeof reliable?.session === 'string' && Number.isSafeInteger(reliable.had);
}

/** 128 random bits, in letters and digits. */
function newLife() {
  return BigInt(`0x${randomBytes(16).toString('hex')}`)
    .toString(36)
    .padStart(25, '0');
}

module.exports = { BEGINNINGS, Conversation, HEARD };
