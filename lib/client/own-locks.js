'use strict';

// What a worker decides itself about the locks that it has, so that it need not ask the hub.
// - Whoever has a lock keeps all out who would be in the way of more locks of the same transaction: for reading, and
//   for writing, if that is what it has. They are granted here, and it is returned when they are.
// - A transaction that begins to write in the very turn of the event loop in which the one before it has returned its
//   lock goes on under that lock: neither the release nor the next request is sent. Others have their turn soon: it
//   serves for a short time only (`keepLocksFor`), and is never kept for what may come later.
//
// To all others these locks are one. Without a connection nothing is granted, nor under a lock from before a worker was
// away, or of a former master: others may have been granted since what it excludes. Knows AceBase's peer, and of
// connections whether there is one.

const { Aliases } = require('./aliases.js');
const { NEWS } = require('./speaker.js');

/**
 * What AceBase calls the lock of a write that takes no longer than it must. What others must know of the one before it
 * waits for that, and not for a program's own code in a transaction.
 */
const PLAIN_WRITE = '_updateNode';

/** @typedef {{ message: object, lock: { id: number, tid: string } }} Release */

/**
 * @typedef {object} Cover What a transaction has under the locks that it was granted by others.
 * @property {string} tid
 * @property {number} count Of its locks that were granted here.
 * @property {Release[]} releases Of locks granted by others: they wait until those are returned.
 */

class OwnLocks {
  #peer;
  #grants;
  #keepLocksFor;
  #parentOf;
  #isConnected;
  #send;
  #flush;
  #aliases = new Aliases();
  /** By the ids of locks that were granted here. @type {Map<number, Cover>} */
  #granted = new Map();
  /** The same, by the transaction. @type {Map<string, Cover>} */
  #covers = new Map();
  /** Ids of locks that are granted here are below 0: masters count up from 1. */
  #lastId = 0;
  /** The release that waits for the end of the turn. @type {Release | undefined} */
  #paused;

  /**
   * @param {object} peer AceBase's.
   * @param {import('./grants.js').Grants} grants
   * @param {number} keepLocksFor For how long after its grant a transaction may go on under a lock, in milliseconds.
   * @param {{ parentOf(path: string): string | null, isConnected(): boolean, send(message: object): void, flush(): void }}
   *   means `send`: whatever it is. `flush`: sends what waits, with the rest of this turn.
   */
  constructor(peer, grants, keepLocksFor, { parentOf, isConnected, send, flush }) {
    this.#peer = peer;
    this.#grants = grants;
    this.#keepLocksFor = keepLocksFor;
    this.#parentOf = parentOf;
    this.#isConnected = isConnected;
    this.#send = send;
    this.#flush = flush;
  }

  /**
   * The peer says something.
   * @param {object} message
   * @returns {boolean} Whether it need not be sent, or not yet.
   */
  takes(message) {
    switch (message.type) {
      case 'lock-request':
        return this.#goOn(message) || this.#grant(message);
      case 'move-lock-request':
        return this.#move(message);
      case 'unlock-request':
        return this.#return(message);
      default:
        // News may overtake a release: they ask for nothing.
        if (!NEWS.has(message.type)) {
          this.#letGo();
        }
        return false;
    }
  }

  #goOn(message) {
    const { tid, path, write, comment } = message.data;
    if (!write || !this.#mayGoOn) {
      this.#letGo();
      return false;
    }
    const { id, tid: former, expires } = this.#paused.lock;
    this.#paused = undefined;
    this.#aliases.succeed(former, tid);
    this.#grants.passOn(id, tid);
    this.#answer(message, { id, path, tid, write, expires, comment });
    if (comment !== PLAIN_WRITE) {
      this.#flush();
    }
    return true;
  }

  get #mayGoOn() {
    return this.#paused && this.#isConnected() && this.#canServe(this.#paused.lock);
  }

  /** Another transaction may go on under it. */
  #canServe({ id, tid }) {
    return this.#grants.isYoung(id, this.#keepLocksFor) && this.#grants.reliableOf(tid).length > 0;
  }

  #grant(message) {
    const { tid, path, write, comment } = message.data;
    const locks = this.#isConnected() ? this.#grants.reliableOf(tid) : [];
    if (!locks.some((lock) => lock.write || !write)) {
      return false;
    }
    const id = --this.#lastId;
    const cover = this.#covers.get(tid) ?? { tid, count: 0, releases: [] };
    cover.count++;
    this.#covers.set(tid, cover);
    this.#granted.set(id, cover);
    this.#answer(message, { id, path, tid, write, expires: earliestOf(locks), comment });
    return true;
  }

  /** The master would only note where it is. There is nothing above the root. */
  #move(message) {
    const lock = this.#find(message.data.id);
    const isGrantedHere = this.#granted.has(message.data.id);
    if (!lock?.path || this.#grants.validOf(lock.tid).length === 0) {
      return isGrantedHere && this.#refuse(message, lock);
    }
    const { id, tid, path, forWriting: write, expires, comment } = lock;
    this.#answer(message, { id, tid, path: this.#parentOf(path), write, expires, comment });
    return true;
  }

  /** Nobody else knows this lock. */
  #refuse({ id }, lock) {
    const problem = lock?.path === '' ? 'nothing is above the root' : 'it has expired';
    this.#peer._requests.get(id)?.reject(new Error(`lock on tid ${lock?.tid} cannot be moved: ${problem}`));
    return true;
  }

  #return(message) {
    this.#letGo();
    const { id } = message.data;
    if (this.#granted.has(id)) {
      this.#answer(message, { id });
      this.#returnGranted(id);
      return true;
    }
    const lock = this.#find(id);
    const cover = this.#covers.get(lock?.tid);
    if (cover) {
      this.#answer(message, { id });
      cover.releases.push({ message, lock });
      return true;
    }
    return this.#pause({ message, lock }, id);
  }

  #returnGranted(id) {
    const cover = this.#granted.get(id);
    this.#granted.delete(id);
    cover.count--;
    if (cover.count > 0) {
      return;
    }
    const { tid, releases } = cover;
    this.#covers.delete(tid);
    for (const release of releases) {
      if (releases.length > 1 || !this.#pause(release, id)) {
        this.#send(release.message);
      }
    }
  }

  /**
   * Waits for the end of the turn, where this process has no other lock than the one that it returns, and asks for
   * none: those who wait already come first, so that writes keep their order.
   */
  #pause({ message, lock }, returned) {
    const { _locks: locks } = this.#peer;
    const isOnly = locks.length === 1 && locks[0].lock?.id === returned;
    if (!isOnly || !lock?.forWriting || !this.#canServe(lock)) {
      return false;
    }
    this.#answer(message, { id: lock.id });
    this.#paused = { message, lock };
    // After all that follows from the release in this turn.
    process.nextTick(() => this.#letGo());
    return true;
  }

  /** A release that has waited is sent. */
  #letGo() {
    if (this.#paused) {
      const { message, lock } = this.#paused;
      this.#paused = undefined;
      this.#aliases.forget(lock.tid);
      this.#send(message);
    }
  }

  #find(lockId) {
    return this.#peer._locks.find(({ lock }) => lock?.id === lockId)?.lock;
  }

  /** The locks of this process that others know of. */
  get known() {
    const asked = this.#peer._locks.filter(({ granted, lock }) => granted && lock && !this.#granted.has(lock.id));
    const waiting = [...this.#covers.values()].flatMap(({ releases }) => releases);
    return [...asked, ...waiting].map(({ lock }) => lock);
  }

  #answer({ id }, result) {
    this.#peer._requests.get(id)?.resolve(result);
  }

  /** What a transaction is called to others. */
  nameOf(tid) {
    return this.#aliases.of(tid);
  }

  /** The transaction that others call so. */
  whoIs(name) {
    return this.#aliases.whoIs(name);
  }

  /** A message with the names that others know. */
  named(message) {
    if (message.type !== 'lock-request') {
      return message;
    }
    const tid = this.#aliases.assign(message.data.tid);
    return tid === message.data.tid ? message : { ...message, data: { ...message.data, tid } };
  }
}

function earliestOf(locks) {
  return Math.min(...locks.map(({ expires }) => expires));
}

module.exports = { OwnLocks };
