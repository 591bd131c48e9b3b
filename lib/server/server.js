'use strict';

// The server as JavaScript sees it: its life (start, stop), its events, and questions to it. All routing is the addon's
// work.

const { EventEmitter } = require('node:events');

const { AceBaseIPCClient } = require('./client.js');
const { readConfig, toAddon } = require('../config/config.js');
const { EventLog, logNeeds } = require('./event-log.js');
const { mustBeTaken } = require('./failed-start.js');
const { keeperLaunch } = require('./keep-port.js');
const { Log } = require('./log.js');
const { handOverBeforeExit } = require('./exit.js');
const { loadNative } = require('../native.js');
const { OPTIONS } = require('../config/options.js');
const { printable } = require('../printable.js');

const { NativeServer } = loadNative();

const DEFAULT_PORT = OPTIONS.find((option) => option.name === 'port').default;

/** Events that the addon only produces while somebody listens for them, or the log has lines of them. */
const ON_DEMAND = ['connect', 'disconnect', 'refused', 'message', 'trace', 'coordination', 'trouble'];

/**
 * A hub through which AceBase processes that share the same database files talk to each other.
 * See index.d.ts for its documentation.
 */
class AceBaseIPCServer extends EventEmitter {
  /** The options that were given. */
  #options;
  #log;
  #eventLog;
  /** The running server; `undefined` before `start()` and after `stop()`. */
  #native;
  /**
   * Settles when the last start() or stop() is done: they take place one after the other, in the order of the calls.
   */
  #turn = Promise.resolve();
  /** Events that came before `start()` was done. */
  #early = [];
  #wanted = new Set();
  /** Ends the watch for the signals that end this process. */
  #forgetExit;

  constructor(config = {}) {
    super();
    const { options, doubts } = readConfig(config);
    this.#options = options;
    this.#log = new Log(options);
    this.#eventLog = new EventLog(this.#log);
    this.#followListeners();
    // Later, so that whoever made this server has had time to listen.
    process.nextTick(() => {
      this.#tellAll(doubts.map((doubt) => ({ type: 'warning', ...doubt })));
    });
  }

  /** The port that the server listens on; before `start()`, the configured one. */
  get port() {
    return this.#native?.port() ?? this.#options.port ?? DEFAULT_PORT;
  }

  start() {
    return this.#inTurn(async () => {
      try {
        if (this.#native) {
          throw coded('ERR_IPC_RUNNING', `The AceBase IPC server runs already, on port ${this.port}`);
        }
        await this.#start();
      } catch (error) {
        mustBeTaken(error);
        throw error;
      }
    });
  }

  async #start() {
    const options = toAddon({
      ...this.#options,
      keepPort: this.#options.keepPort ? this.#keeper() : undefined,
      development: process.env.NODE_ENV === 'development',
    });
    if (this.#options.keepPort) {
      // Before it takes the former server's connections over: a signal must not end the process in the middle of that.
      this.#forgetExit = handOverBeforeExit({
        handOver: () => this.handOver(),
        handOverNow: () => this.#native?.handOverNow(),
      });
    }
    const take = (events) => this.#take(events);
    this.#native = await NativeServer.start(options, [...this.#wanted], take).catch((error) => {
      this.#forgetExit?.();
      this.#tellAll(this.#early.splice(0));
      // The addon's error was made on another thread: this one has a stack.
      throw coded(error.code, error.message);
    });
    // Listeners may have come and gone meanwhile.
    this.#native.setWanted([...this.#wanted]);
    this.#sayRunning();
    guarded(() => this.emit('listening'));
    this.#tellAll(this.#early.splice(0));
  }

  /** How the port's keeper is started; `undefined` where it cannot be. */
  #keeper() {
    const { launch, doubts } = keeperLaunch();
    this.#tellAll(doubts.map((message) => ({ type: 'warning', code: 'port-keeper', message })));
    return launch;
  }

  /** Process managers and scripts wait for this line, so that it is there without a log, too. */
  #sayRunning() {
    const line = `AceBase IPC server running on port ${this.port}`;
    if (this.#log.isConfigured) {
      this.#log.write('info', line, { event: 'listening', port: this.port });
    } else {
      console.log(line);
    }
  }

  stop({ keepPort = false } = {}) {
    return this.#end(keepPort ? 'leave' : 'stop');
  }

  handOver() {
    return this.#end('handOver');
  }

  #end(way) {
    return this.#inTurn(async () => {
      if (!this.#native) {
        return;
      }
      await this.#native.end(way);
      this.#forgetExit?.();
      this.#tellAll(this.#native.takeLastEvents());
      this.#native = undefined;
      this.#log.write('info', 'AceBase IPC server stopped', { event: 'close' });
      guarded(() => this.emit('close'));
    });
  }

  #inTurn(action) {
    const done = this.#turn.then(action);
    this.#turn = done.catch(() => {});
    // The line above has taken note of a failure. A promise of its own is one that only the caller can have looked at:
    // a failure that nobody takes must be an unhandled rejection.
    return done.then();
  }

  address() {
    const [first, ...others] = this.#native?.addresses() ?? [];
    return first ? { ...first, all: [first, ...others] } : null;
  }

  getClients(dbname) {
    const clients = this.#native?.clients(String(dbname)) ?? [];
    return clients.map((client) => this.#client({ ...client, db: dbname, connected: new Date(client.connected) }));
  }

  locks(dbname) {
    return JSON.parse(this.#native?.locks(String(dbname)) ?? '[]');
  }

  status() {
    return this.#native ? JSON.parse(this.#native.status()) : null;
  }

  async reloadCertificates() {
    await this.#native?.reloadCertificates().catch((error) => {
      throw coded(error.code, error.message);
    });
  }

  trace(dbname, { client, on = true } = {}) {
    if (!this.#native) {
      throw coded('ERR_IPC_NOT_RUNNING', 'Only a running AceBase IPC server can trace');
    }
    this.#native.trace(String(dbname), client, Boolean(on));
  }

  #client({ db, id, connected, away = false, via = null, ...where }) {
    return new AceBaseIPCClient(() => this.#native, { id, dbname: db, connected, away, via, ...place(where) });
  }

  /** An error that nobody listens for must not end the process: the server goes on, and so must the cluster. */
  emit(name, ...values) {
    if (name === 'error' && this.listenerCount(name) === 0) {
      if (!this.#log.isConfigured) {
        console.error(`AceBase IPC server error: ${values[0]?.message ?? values[0]}`);
      }
      return false;
    }
    return super.emit(name, ...values);
  }

  removeAllListeners(...names) {
    super.removeAllListeners(...names);
    this.#followListeners();
    return this;
  }

  /** Tells the addon which events are worth producing. */
  #followListeners() {
    for (const name of ON_DEMAND) {
      this.#want(name, this.#isOfUse(name));
    }
    this.off('newListener', this.#added).on('newListener', this.#added);
    this.off('removeListener', this.#removed).on('removeListener', this.#removed);
  }

  #added = (name) => this.#want(name, true);

  #removed = (name) => this.#want(name, this.#isOfUse(name));

  #isOfUse(name) {
    return this.listenerCount(name) > 0 || logNeeds(this.#log, name);
  }

  #want(name, wanted) {
    if (!ON_DEMAND.includes(name) || this.#wanted.has(name) === wanted) {
      return;
    }
    this.#wanted[wanted ? 'add' : 'delete'](name);
    this.#native?.setWanted([...this.#wanted]);
  }

  /** Takes a batch of the addon's events; those that come before `start()` is done wait for it. */
  #take(events) {
    if (this.#native) {
      this.#tellAll(events);
    } else {
      this.#early.push(...events);
    }
  }

  #tellAll(events) {
    for (const event of events.map(readable)) {
      guarded(() => {
        this.#eventLog.write(event);
        this.#dispatch(event);
      });
    }
  }

  #dispatch(event) {
    const peer = { id: event.id, dbname: event.db };
    switch (event.type) {
      case 'connect':
        return this.emit('connect', this.#client({ ...event, connected: new Date() }));
      case 'identified':
        // Is in the log, and in what clients are asked for.
        return;
      case 'disconnect':
        return this.emit('disconnect', { ...peer, ...place(event) }, event.reason);
      case 'refused':
        return this.emit('refused', refusal(event));
      case 'message':
        return this.emit('message', event.text, peer);
      case 'trace':
        return this.emit('trace', traced(event));
      case 'coordination':
        return this.#note({ kind: event.code, ...peer, detail: event.message }, event.isWarning);
      case 'trouble':
        return this.#trouble(event);
      case 'notice':
        return this.emit('notice', { code: event.code, message: event.message });
      case 'warning':
        return this.#warn({ code: event.code, message: event.message });
      case 'error':
        return this.emit('error', new Error(event.message));
      case 'failed':
        return this.#fail(coded('ERR_IPC_FAILED', event.message));
      default:
        throw new Error(`The addon sent an event of an unknown type: ${event.type}`);
    }
  }

  /**
   * The server serves no longer. Whoever does not listen must not go on as if it did: without a listener, the process
   * ends.
   */
  #fail(error) {
    this.stop();
    super.emit('error', error);
  }

  #note(note, isWarning) {
    if (isWarning) {
      this.#warn({ code: note.kind, message: note.detail });
    }
    this.emit('coordination', note);
  }

  /** What stops writes must not go by unseen: without a listener and a log, it becomes a warning of the process. */
  #trouble(event) {
    const found = trouble(event);
    if (!this.emit('trouble', found) && found.level === 'error' && !found.isOver && !this.#log.isConfigured) {
      process.emitWarning(`${found.text}. ${found.advice}`, { type: 'AceBaseIPCWarning', code: found.kind });
    }
  }

  /** Tells a warning to whoever listens, else to the process where there is no log. */
  #warn({ code, message }) {
    if (!this.emit('warning', { code, message }) && !this.#log.isConfigured) {
      process.emitWarning(message, { type: 'AceBaseIPCWarning', code });
    }
  }
}

/**
 * Tells listeners something. That one of them throws is its owner's business, as with every emitter; the server goes
 * on.
 */
function guarded(tell) {
  try {
    tell();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}

/** Sentences are for people, and may have words of clients in them; all other parts are as they are. */
function readable(event) {
  const { message, advice } = event;
  return message === undefined && advice === undefined
    ? event
    : {
        ...event,
        ...(message !== undefined && { message: printable(message) }),
        ...(advice !== undefined && { advice: printable(advice) }),
      };
}

/** A traced message, as listeners get it. */
function traced({ db, id = null, to = null, bytes, code, text }) {
  return { dbname: db, from: id, to, bytes, fate: code, text };
}

/** Who was not let in, as listeners get it. */
function refusal({ db, reason, status, leftOut, ...where }) {
  return { dbname: db, reason, status, leftOut, ...place(where) };
}

/** A trouble, as listeners get it. */
function trouble({ code, level, db = null, id = null, message, advice, age, isOver, ...where }) {
  const { remote, remotePort, pid, command } = place(where);
  const client = id === null && remote === null ? null : { id, remote, remotePort, pid, command };
  return { kind: code, level: LEVELS[level], dbname: db, client, ageMs: age, isOver, text: message, advice };
}

/** How much something matters: as reports name it, by what logs call it. */
const LEVELS = { debug: 'debug', info: 'info', warn: 'warning', error: 'error' };

/** Where a client is, as far as it is known. */
function place({ remote = null, remotePort = null, pid = null, command = null }) {
  return { remote, remotePort, pid, command };
}

function coded(code, message) {
  return Object.assign(new Error(message), { code });
}

module.exports = { AceBaseIPCServer };
