'use strict';

// What stands for the context of a test where there is none: it is told what to do at the end, and does it when told.

class RunScope {
  #actions = [];

  /** As a test's own `after`. */
  after(action) {
    this.#actions.push(action);
  }

  async end() {
    for (const action of this.#actions.splice(0).reverse()) {
      await action();
    }
  }
}

module.exports = { RunScope };
