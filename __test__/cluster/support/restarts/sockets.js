'use strict';

// The connections of a process to a port, as the kernel knows them: their numbers stay the same for as long as they
// live. Linux only.

const { readdirSync, readFileSync, readlinkSync } = require('node:fs');

/** `TCP_ESTABLISHED` in /proc/net/tcp. */
const ESTABLISHED = '01';

/**
 * @param {number} pid
 * @param {number} port Of the other side.
 * @returns {Set<string>} Numbers of sockets; none of a process that is gone.
 */
function connectionsTo(pid, port) {
  try {
    const own = socketsOf(pid);
    return new Set(establishedTo(pid, port).filter((inode) => own.has(inode)));
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ESRCH') {
      return new Set();
    }
    throw error;
  }
}

function socketsOf(pid) {
  const files = readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
  return new Set(files.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []));
}

/** Where a link leads; nowhere, if the file was closed meanwhile. */
function linkOf(file) {
  try {
    return readlinkSync(file);
  } catch {
    return '';
  }
}

/** All of the network that the process is in. */
function establishedTo(pid, port) {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const lines = ['tcp', 'tcp6'].flatMap((table) => readFileSync(`/proc/${pid}/net/${table}`, 'utf8').split('\n'));
  return lines.flatMap((line) => {
    const [, , remote, state, , , , , , inode] = line.trim().split(/\s+/);
    return state === ESTABLISHED && remote.endsWith(ending) ? [inode] : [];
  });
}

/** The connections of some processes, and which of them are lost. */
class Connections {
  #port;
  /** @type {[number, string][]} Process and socket. */
  #all;
  /** Those that were gone at one look or another. @type {Set<string>} */
  lost = new Set();

  /** @param {{ child: { pid: number } }[]} writers @param {number} port */
  constructor(writers, port) {
    this.#port = port;
    this.#all = writers.flatMap(({ child: { pid } }) => [...connectionsTo(pid, port)].map((socket) => [pid, socket]));
  }

  look() {
    for (const [pid, socket] of this.#all) {
      if (!connectionsTo(pid, this.#port).has(socket)) {
        this.lost.add(socket);
      }
    }
  }
}

module.exports = { Connections };
