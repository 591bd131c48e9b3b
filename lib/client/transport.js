'use strict';

// The transport of one of AceBase's peers: where what the peer says, the conversation with a hub, and its connection
// meet. Never throws, never rejects, and ends no process.

const { Acknowledging } = require('./acknowledging.js');
const { BEGINNINGS, Conversation, HEARD } = require('./conversation.js');
const { Connection } = require('./connection.js');
const farewell = require('./farewell.js');
const { Fence } = require('./fence.js');
const { Grants } = require('./grants.js');
const { request } = require('./http.js');
const { Hubs } = require('./hubs.js');
const { sendLarge } = require('./large-messages.js');
const { lastWordsOf } = require('./last-words.js');
const { Listener } = require('./listener.js');
const { MasterGuard } = require('./master-guard.js');
const { KINDS } = require('./outgoing.js');
const { OwnLocks } = require('./own-locks.js');
const { Readings } = require('./readings.js');
const { loggerOf, Requests } = require('./requests.js');
const { keepLocksForOf, requestTimeoutOf } = require('./settings.js');
const { Speaker } = require('./speaker.js');
const { States } = require('./states.js');
const { tellState } = require('./tell-state.js');
const { credentials, encode, headOf, PROTOCOL_VERSION } = require('./words.js');

/** What a hub takes in one frame that does not say it, in UTF-16 units: the published hubs' own. */
const DEFAULT_MAX_PAYLOAD = 16_384;

/** How long what can wait does so at the most, in milliseconds. */
const PATIENCE = 5;

/** How long a peer that leaves waits until all that it has said has arrived, in milliseconds. */
const LINGER = 2000;

const CLOSE_NORMAL = 1000;

/** The hub has another master. */
const CLOSE_MASTER_TAKEN = 4003;

class Transport {
  #peer;
  #conversation = new Conversation();
  #requests;
  #grants = new Grants();
  #ownLocks;
  #listener;
  #speaker;
  #states;
  #connection;
  #guard;
  #fence;
  #readings;
  #socket;
  #place;
  /** Frames of the last connection that came while this process catches up. */
  #unheard;
  /** A connection was lost of which not all was read: it may have told of another master. */
  #isFarewellUnread = false;
  #maxPayload = DEFAULT_MAX_PAYLOAD;
  /** A large message is on its way: what follows waits. */
  #isHeld = false;
  /** Called when the hub has answered a ping, or is gone. */
  #answered = () => {};
  #acknowledging = new Acknowledging(this.#conversation, (frame) => this.#socket?.send(frame));
  #patience;
  #linger;
  #hasLeft = false;

  /**
   * @param {object} peer AceBase's.
   * @param {{ WebSocket: typeof import('ws').WebSocket, values: import('./values.js').Values,
   *   parentOf(path: string): string | null }} means `parentOf`: as AceBase has it.
   */
  constructor(peer, { WebSocket, values, parentOf }) {
    this.#peer = peer;
    this.#states = new States(peer);
    this.#guard = new MasterGuard(peer);
    this.#fence = new Fence(peer);
    this.#readings = new Readings(peer, ({ message }) =>
      this.#log('error', `IPC: the files could not be read again: ${message}`),
    );
    const withdraw = (id) => this.#conversation.outgoing.withdraw(id);
    this.#requests = new Requests(peer, requestTimeoutOf(peer), withdraw, () => this.#states.trouble);
    this.#speaker = new Speaker(peer, values, this.#requests, this.#conversation.outgoing);
    const say = (message) => this.#say(message);
    this.#ownLocks = new OwnLocks(peer, this.#grants, keepLocksForOf(peer), {
      parentOf,
      isConnected: () => this.#socket !== undefined,
      send: say,
      flush: () => this.#flush(),
    });
    const locks = { grants: this.#grants, ownLocks: this.#ownLocks, fence: this.#fence };
    this.#listener = new Listener(peer, this.#requests, values, locks, say, () => this.#conversation.isReliable);
    this.#connection = new Connection(
      {
        WebSocket,
        hubs: new Hubs(peer.config),
        isSecure: this.#isSecure,
        addressOf: () => `/${this.#database}/connect?v=${PROTOCOL_VERSION}&${this.#who}&${this.#conversation.offer}`,
      },
      {
        opened: (welcome, socket, place) => this.#open(welcome, socket, place),
        heard: (text) => (this.#unheard ? this.#unheard.push(text) : this.#hear(text)),
        drained: () => this.#flush(),
        lost: (end, place) => this.#lose(end, place),
        refused: (end, place) => {
          this.#noteSuccessor(end);
          if (!this.#linger) {
            this.#states.refused(end, place);
          }
        },
      },
    );
  }

  get #isSecure() {
    return Boolean(this.#peer.config.ssl);
  }

  get #database() {
    return encode(this.#peer.config.dbname);
  }

  get #who() {
    return credentials({ id: this.#peer.id, token: this.#peer.config.token });
  }

  /** Connects, and stays connected until the peer leaves. */
  start() {
    farewell.enlist(this);
    this.#guard.close();
    this.#connection.run();
  }

  /**
   * Asks for a lock, now or as soon as this peer may have it.
   * @param {object} details As AceBase has them.
   * @param {() => Promise<object>} ask Asks AceBase for it.
   */
  lock(details, ask) {
    return this.#fence.lock(details, ask);
  }

  /**
   * Sends a message, now or as soon as there is a connection.
   * @param {object} message
   */
  send(message) {
    if (!this.#ownLocks.takes(message)) {
      this.#say(message);
    }
  }

  #say(message) {
    if (this.#hasLeft) {
      return;
    }
    const canWait = this.#speaker.say(this.#ownLocks.named(message));
    if (message.type === 'unlock-request') {
      this.#grants.forget(message.data.id);
    }
    if (message.type === 'bye' && message.from === this.#peer.id) {
      this.#beginToLeave();
    }
    if (canWait) {
      this.#flushSoon();
    } else {
      this.#flush();
    }
  }

  /** One write, and one to each receiver, costs more than all that is in it: what can wait goes with what cannot. */
  #flushSoon() {
    this.#patience ??= setTimeout(() => {
      this.#patience = undefined;
      this.#flush();
    }, PATIENCE).unref();
  }

  async #open(welcome, socket, place) {
    const { beginning, uncertain } = this.#conversation.open(welcome, () => this.#tellState());
    this.#place = place;
    this.#maxPayload = welcome.maxPayload ?? DEFAULT_MAX_PAYLOAD;
    this.#speaker.limit = welcome.reliable?.maxMessage;
    this.#settleUncertain(uncertain);
    this.#requests.mayLose(beginning === BEGINNINGS.plain);
    const isResumed = beginning === BEGINNINGS.resumed;
    this.#fence.begin({ isResumed, isTold: welcome.reliable?.fences === true });
    if (!isResumed) {
      if (this.#isFarewellUnread) {
        this.#readings.noteSuccessor();
      }
      // What was told while there was no connection was missed, also before the first one: the files are open already.
      this.#readings.begin();
      this.#grants.doubt();
    }
    this.#isFarewellUnread = false;
    // A session that goes on goes on with the reading that began for it, if that has not ended.
    if (!isResumed || this.#unheard) {
      await this.#catchUp(socket);
    }
    if (socket.isOver) {
      return;
    }
    this.#socket = socket;
    this.#states[isResumed ? 'resumed' : 'connected'](place);
    this.#speaker.makeUpForDropped();
    this.#flush();
    this.#fence.open();
    this.#guard.open().catch((error) => this.#log('error', `IPC: ${error.message}`));
  }

  /** Nothing is heard before the files have been read. */
  async #catchUp(socket) {
    const frames = [];
    this.#unheard = frames;
    socket.pause();
    await this.#readings.done;
    socket.resume();
    if (this.#unheard !== frames) {
      // There is another connection, which waits as well.
      return;
    }
    this.#unheard = undefined;
    if (!socket.isOver) {
      this.#socket = socket;
      for (const frame of frames) {
        this.#hear(frame);
      }
    }
  }

  #tellState() {
    const { outgoing } = this.#conversation;
    return tellState(this.#peer, this.#requests, this.#grants, this.#ownLocks, outgoing, this.#fence);
  }

  /** Sent to a hub that is gone, and this one could not tell whether it comes twice. */
  #settleUncertain(entries) {
    for (const { kind, id } of entries) {
      if (kind === KINDS.request) {
        this.#requests.fail(id, 'ERR_IPC_UNCERTAIN', 'was sent to a server that is gone: its fate is not known');
      }
    }
  }

  #lose(end, place) {
    this.#socket = undefined;
    this.#answered();
    this.#acknowledging.stop();
    if (this.#hasLeft) {
      return;
    }
    this.#fence.close();
    this.#guard.close();
    this.#noteSuccessor(end);
    this.#isFarewellUnread = this.#unheard !== undefined;
    if (!this.#linger) {
      this.#states.lost(end, place);
    } else if (this.#conversation.outgoing.isEmpty) {
      this.#leave();
    }
  }

  #noteSuccessor({ code }) {
    if (code === CLOSE_MASTER_TAKEN) {
      this.#readings.noteSuccessor();
    }
  }

  #hear(frame) {
    const { kind, text, life } = this.#conversation.hear(frame);
    if (kind === HEARD.nonsense) {
      this.#socket?.abandon('the server does not keep to the protocol');
      return;
    }
    if (frame === 'pong') {
      this.#answered();
    } else if (kind === HEARD.text) {
      this.#hearText(text, life);
    }
    this.#acknowledging.begin();
    if (kind === HEARD.nothing || this.#conversation.mustAcknowledge) {
      this.#flush();
    }
  }

  #hearText(text, life) {
    if (text.startsWith('{')) {
      this.#listener.hear(text, life);
    } else if (text.startsWith('get:')) {
      this.#fetchMessage(text.slice('get:'.length));
    } else {
      this.#listener.hearHub(text);
    }
  }

  /** Sends what there is, as far as the connection takes it. */
  #flush() {
    while (this.#socket?.hasRoom && !this.#isHeld) {
      const text = this.#conversation.next();
      if (text === undefined) {
        break;
      }
      if (!this.#conversation.isReliable && text.length > this.#maxPayload) {
        this.#sendLarge(text);
      } else {
        this.#socket.send(text);
      }
    }
    if (this.#linger && this.#conversation.outgoing.isEmpty && !this.#isHeld) {
      this.#leave();
    }
  }

  async #sendLarge(text) {
    this.#isHeld = true;
    await this.#arrival();
    const hub = () => ({ place: this.#place, isSecure: this.#isSecure });
    const problem = await sendLarge(hub, `/${this.#database}/send?${this.#who}`, text);
    if (problem) {
      this.#speaker.fail(headOf(text), problem);
    }
    this.#isHeld = false;
    this.#flush();
  }

  /** Resolves when the hub has read all that was sent before, or is gone. */
  #arrival() {
    return new Promise((resolve) => {
      if (!this.#socket) {
        resolve();
        return;
      }
      this.#answered = resolve;
      this.#socket.send('ping');
    });
  }

  async #fetchMessage(id) {
    try {
      this.#listener.hear(await this.fetch('GET', `/${this.#database}/receive?${this.#who}&msg=${encode(id)}`));
    } catch (error) {
      this.#log('error', `IPC: the large message ${id} could not be fetched: ${error.message}`);
    }
  }

  /**
   * Does an HTTP request to the hub.
   * @returns {Promise<string>}
   */
  async fetch(method, path, body) {
    const { status, text } = await request({ ...this.#place, isSecure: this.#isSecure }, method, path, body);
    if (status !== 200) {
      throw new Error(`HTTP status ${status} ${text}`.trim());
    }
    return text;
  }

  #log(level, text) {
    loggerOf(this.#peer)?.[level]?.(text);
  }

  /** Waits until all has been said, but not for ever. */
  #beginToLeave() {
    this.#fence.end();
    this.#linger ??= setTimeout(() => this.#leave(), LINGER);
    this.#socket?.send('ping');
    if (!this.#socket && this.#conversation.outgoing.size === 1) {
      // Nothing but the farewell, and nobody there to hear it.
      this.#leave();
    }
  }

  #leave() {
    if (this.#hasLeft) {
      return;
    }
    this.#hasLeft = true;
    clearTimeout(this.#linger);
    clearTimeout(this.#patience);
    this.#acknowledging.stop();
    this.#requests.stop();
    this.#listener.stop();
    farewell.discharge(this);
    if (this.#socket) {
      this.#socket.close(CLOSE_NORMAL);
      this.#connection.stop();
    } else {
      this.#connection.abandon();
    }
  }

  /**
   * The process was asked to end: what is under way comes to its end, and nothing new begins. A master refuses nobody:
   * what workers want to write meanwhile waits for the next one.
   */
  leave() {
    return this.#peer.isMaster ? this.#guard.close() : this.#peer.exit();
  }

  /** The process ends in this turn of the event loop. */
  leaveNow() {
    for (const message of lastWordsOf(this.#peer)) {
      this.send(message);
    }
    this.#leave();
  }
}

module.exports = { Transport };
