'use strict';

// Keeps a master from giving itself locks while workers have some that a former one has granted: the hub tells it which
// it must not. What workers ask for passes, for the hub has looked at that. A master without a connection begins no
// write; it reads, unless the hub has told it not to. Knows AceBase's peer, and of connections whether there is one.

/** What a master must not give itself, as the extension says it. */
const FORBIDDEN = Object.freeze({ none: 'none', writing: 'writing', all: 'all' });

/** The state of a lock in AceBase's queue. */
const PENDING = 'pending';

/** How long AceBase's locks last where nobody says it, in milliseconds. */
const LOCK_TIMEOUT = 120_000;

class Fence {
  #peer;
  #isConnected = false;
  /** @type {keyof typeof FORBIDDEN} */
  #told = FORBIDDEN.none;
  /** Without a connection nobody tells when the locks of former masters are over. */
  #lapse;
  #isGone = false;
  /** Requests of workers. */
  #others = new WeakSet();
  /** Called when something has changed, in order of arrival. @type {(() => void)[]} */
  #waiting = [];
  /** Locks that were asked for before, and that AceBase is not to grant yet. @type {object[]} */
  #queued = [];

  /** @param {object} peer AceBase's. */
  constructor(peer) {
    this.#peer = peer;
  }

  /**
   * A connection begins.
   * @param {{ isResumed: boolean, isTold: boolean }} how `isTold`: the hub says what is forbidden, first of all where
   *   nothing is resumed.
   */
  begin({ isResumed, isTold }) {
    if (!isTold) {
      this.#told = FORBIDDEN.none;
    } else if (!isResumed) {
      this.#told = FORBIDDEN.all;
    }
    this.#holdQueued();
  }

  /** Nothing stands in the way of writing but what the hub has said. */
  open() {
    this.#isConnected = true;
    clearTimeout(this.#lapse);
    this.#lookAgain();
  }

  /** The connection is lost. */
  close() {
    this.#isConnected = false;
    clearTimeout(this.#lapse);
    const limit = this.#peer._nodeLocker.timeout ?? LOCK_TIMEOUT;
    this.#lapse = setTimeout(() => this.hear(FORBIDDEN.none), limit).unref();
  }

  /**
   * The hub says what is forbidden.
   * @param {string} what Of a newer hub perhaps, and then as much as can be.
   */
  hear(what) {
    this.#told = FORBIDDEN[what] ?? FORBIDDEN.all;
    this.#holdQueued();
    this.#lookAgain();
  }

  /** The peer leaves: AceBase refuses all itself. */
  end() {
    this.#isGone = true;
    clearTimeout(this.#lapse);
    this.#lookAgain();
  }

  /** Locks of former masters are out, as far as this one was told. */
  get isUp() {
    return this.#told !== FORBIDDEN.none;
  }

  /** What the hub has said last. */
  get told() {
    return this.#told;
  }

  /** A worker asks for this lock. */
  letThrough(details) {
    this.#others.add(details);
  }

  /**
   * Somebody asks this peer for a lock.
   * @template T
   * @param {{ tid: string, write: boolean }} details
   * @param {() => Promise<T>} ask Asks AceBase for it.
   * @returns {Promise<T>}
   */
  lock(details, ask) {
    return this.#holdsBack(details) ? this.#wait(details).then(ask) : ask();
  }

  async #wait(details) {
    while (this.#holdsBack(details)) {
      await new Promise((resolve) => {
        this.#waiting.push(resolve);
      });
    }
  }

  #holdsBack(details) {
    if (!this.#peer.isMaster || this.#isGone || this.#others.has(details)) {
      return false;
    }
    const mayNotWrite = !this.#isConnected || this.#told !== FORBIDDEN.none;
    const isForbidden = details.write ? mayNotWrite : this.#told === FORBIDDEN.all;
    return isForbidden && !this.#isUnderWay(details);
  }

  /** Its transaction began before, and whoever waits for its locks waits for its end. */
  #isUnderWay({ tid, write }) {
    return this.#peer._locks.some(({ granted, lock }) => granted && lock?.tid === tid && (lock.forWriting || !write));
  }

  /** What this process has asked for while another one was the master waits in AceBase's queue. */
  #holdQueued() {
    if (!this.#peer.isMaster) {
      return;
    }
    const queue = this.#peer._nodeLocker._locks;
    for (const lock of queue.filter((one) => one.state === PENDING && this.#isOwn(one) && this.#holdsBackQueued(one))) {
      queue.splice(queue.indexOf(lock), 1);
      this.#queued.push(lock);
    }
  }

  #isOwn({ tid }) {
    return this.#peer._locks.some((one) => !one.granted && one.tid === tid && !this.#others.has(one.request));
  }

  #holdsBackQueued({ tid, forWriting }) {
    return this.#holdsBack({ tid, write: forWriting });
  }

  #lookAgain() {
    for (const wake of this.#waiting.splice(0)) {
      wake();
    }
    const free = this.#queued.filter((lock) => !this.#holdsBackQueued(lock));
    if (free.length > 0) {
      this.#queued = this.#queued.filter((lock) => !free.includes(lock));
      const { _nodeLocker: locker } = this.#peer;
      locker._locks.push(...free);
      locker._processLockQueue();
    }
  }
}

module.exports = { Fence };
