'use strict';

// A master that has no connection writes nothing: another one may be there, and two damage the files. Neither does one
// that is about to end. It keeps the lock of all writing itself; reading goes on. Knows AceBase's lock manager.

const { randomBytes } = require('node:crypto');

class MasterGuard {
  #peer;
  #lock;

  /** @param {object} peer AceBase's. */
  constructor(peer) {
    this.#peer = peer;
  }

  /**
   * No new write begins. A worker has nothing to guard: it asks its master.
   * @returns {Promise<unknown> | undefined} Resolves when those under way have ended.
   */
  close() {
    if (this.#peer.isMaster) {
      const options = { withPriority: true, noTimeout: true };
      const id = `guard-${randomBytes(8).toString('hex')}`;
      this.#lock ??= this.#peer._nodeLocker.lock('', id, false, 'not the master, or not for long', options);
    }
    return this.#lock;
  }

  /** Writes go on. */
  async open() {
    const lock = this.#lock;
    this.#lock = undefined;
    await (await lock)?.release();
  }
}

module.exports = { MasterGuard };
