'use strict';

// Readings of the files, after which what was missed of the others is known again. One after the other: two at once
// would undo what is new in the other. Knows no connection.

const { catchUp } = require('./catch-up.js');

class Readings {
  #peer;
  #failed;
  /** Whether the tables of a master may be older than the files: it was not the master since it opened them. */
  #isOutOfDate = true;
  #last = Promise.resolve();
  /** One that has not begun. */
  #next;

  /**
   * @param {object} peer AceBase's.
   * @param {(error: Error) => void} failed Told of each that failed.
   */
  constructor(peer, failed) {
    this.#peer = peer;
    this.#failed = failed;
  }

  /** Another process is the master now, or may be: what this one has in mind of the files is out of date. */
  noteSuccessor() {
    this.#isOutOfDate = true;
  }

  /** Reads again. A reading that has begun before may have missed what was told just now. */
  begin() {
    this.#next ??= this.#last.then(() => {
      this.#next = undefined;
      return this.#read();
    });
    this.#last = this.#next;
  }

  /** Resolves when all that were begun are done. */
  get done() {
    return this.#last;
  }

  async #read() {
    const isOutOfDate = this.#isOutOfDate;
    // Who is told meanwhile of a successor is out of date again.
    this.#isOutOfDate = false;
    try {
      await catchUp(this.#peer, isOutOfDate);
    } catch (error) {
      this.#isOutOfDate ||= isOutOfDate;
      this.#failed(error);
    }
  }
}

module.exports = { Readings };
