'use strict';

// A hub as the specification of the extension has it, without sockets and time: what it does when a client connects,
// when frames come, and when it crashes. It knows only clients with the extension.

class HubModel {
  #sessions = new Map();
  /** What is for clients that are not back yet after a crash, by their id. */
  #expected = new Map();
  #lastSession = 0;
  #name;

  /** @param {string} name Sessions of two hubs have different names. */
  constructor(name) {
    this.#name = name;
  }

  /**
   * A client connects.
   * @param {string} id
   * @param {URLSearchParams} offer
   * @returns {{ welcome: object, frames: string[] }} What it is sent first.
   */
  connect(id, offer) {
    const life = offer.get('life');
    const known = this.#sessions.get(id);
    if (known && known.life === life && known.name === offer.get('session')) {
      known.forgetSent(Number(offer.get('had')));
      known.isConnected = true;
      const reliable = { session: known.name, had: known.highest, resumed: true, told: known.isTold, maxMessage: 1e6 };
      return { welcome: { reliable }, frames: [...known.unacknowledged.map(({ frame }) => frame), `=${known.ended}`] };
    }
    const session = new Session(`${this.#name}-${++this.#lastSession}`, id, life);
    this.#sessions.set(id, session);
    const frames = (this.#expected.get(id) ?? []).map((message) => session.give(message));
    this.#expected.delete(id);
    return {
      welcome: { reliable: { session: session.name, had: 0, resumed: false, told: false, maxMessage: 1e6 } },
      frames,
    };
  }

  /** The connection is gone; the session is not. */
  lose(id) {
    const session = this.#sessions.get(id);
    if (session) {
      session.isConnected = false;
    }
  }

  /**
   * A frame comes.
   * @returns {{ to: string, frame: string }[]} What goes to whom, if connected.
   */
  hear(id, frame) {
    const session = this.#sessions.get(id);
    if (frame.startsWith('~')) {
      session.isTold = true;
      session.peers = JSON.parse(frame.slice(1)).peers;
      return [];
    }
    if (frame.startsWith('=')) {
      return this.#acknowledged(session, Number(frame.slice(1)));
    }
    const [, number, text] = /^[#!](\d+) (.*)$/s.exec(frame);
    return this.#take(session, Number(number), text);
  }

  #take(session, number, text) {
    if (number <= session.highest) {
      return [];
    }
    session.highest = number;
    const [, to, body] = /^to:([^;]*);(.*)$/s.exec(text) ?? [undefined, undefined, text];
    const receivers = to === undefined ? this.#othersOf(session) : [to];
    const message = { sender: session, number, body, open: receivers.length };
    session.open.push(message);
    const out = [];
    for (const receiver of receivers) {
      const there = this.#sessions.get(receiver);
      if (there) {
        out.push({ to: receiver, frame: there.give(message) });
      } else {
        this.#expected.set(receiver, [...(this.#expected.get(receiver) ?? []), message]);
      }
    }
    return [...out, ...this.#acknowledgementTo(session)];
  }

  /** Those that are here, and those that the sender knows and that are not back yet. */
  #othersOf(session) {
    return [...new Set([...this.#sessions.keys(), ...session.peers])].filter((id) => id !== session.id);
  }

  #acknowledged(session, had) {
    const senders = session.forgetSent(had);
    return senders.flatMap((sender) => this.#acknowledgementTo(sender));
  }

  #acknowledgementTo(session) {
    const first = session.open.findIndex(({ open }) => open > 0);
    const ended = session.open.splice(0, first < 0 ? session.open.length : first);
    if (ended.length === 0) {
      return [];
    }
    session.ended = ended.at(-1).number;
    return [{ to: session.id, frame: `=${session.ended}` }];
  }
}

class Session {
  /** The highest number had of the client. */
  highest = 0;
  /** All up to this number have reached their end. */
  ended = 0;
  /** Messages of the client that have not, or behind one that has not. */
  open = [];
  /** Frames for the client that it has not acknowledged. */
  unacknowledged = [];
  /** How many it has. */
  #acknowledged = 0;
  /** Whether the client has told its state. */
  isTold = false;
  peers = [];

  constructor(name, id, life) {
    this.name = name;
    this.id = id;
    this.life = life;
  }

  give(message) {
    const frame = `#${message.sender.life},${message.number} ${message.body}`;
    this.unacknowledged.push({ frame, message });
    return frame;
  }

  /** The client has had so many. @returns {Session[]} Whose messages may have reached their end. */
  forgetSent(had) {
    const ended = this.unacknowledged.splice(0, had - this.#acknowledged);
    this.#acknowledged = had;
    for (const { message } of ended) {
      message.open--;
    }
    return [...new Set(ended.map(({ message }) => message.sender))];
  }
}

module.exports = { HubModel };
