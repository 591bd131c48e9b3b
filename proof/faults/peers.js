'use strict';

// Plain clients on either side of a fault, and whether all that one said came to the other.

const assert = require('node:assert/strict');
const path = require('node:path');

const { startChild } = require('../../__test__/cluster/support/child.js');
const { until } = require('../../__test__/cluster/support/wait.js');

/** The database that plain clients use: none of AceBase's. */
const PLAIN = 'plain_data';

/** Clients of one process. */
class Peers {
  #child;
  #url;

  constructor(child, host, port) {
    this.#child = child;
    this.#url = `ws://${host}:${port}`;
  }

  join(id, db = PLAIN) {
    return this.#child.call('join', `${this.#url}/${db}`, id);
  }

  call(method, ...args) {
    return this.#child.call(method, ...args);
  }

  /** Waits until exactly these numbers have come, in their order. `limit` in milliseconds. */
  async gets(id, count, limit) {
    const all = Array.from({ length: count }, (_, number) => number);
    await until(`${count} messages for ${id}`, limit, async () => (await this.call('numbers', id)).length >= count);
    assert.deepEqual(await this.call('numbers', id), all, `what ${id} got`);
  }
}

/** @param {string[]} [launcher] What starts their process, as in `startChild`. */
function startPeers(t, host, port, launcher) {
  const script = path.join(__dirname, 'peer-process.js');
  return new Peers(startChild(t, 'peers', script, [], undefined, launcher), host, port);
}

module.exports = { startPeers };
