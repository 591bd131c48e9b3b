'use strict';

const { printable } = require('../printable.js');

/** A client that is connected to a server, as the server's owner sees it. */
class AceBaseIPCClient {
  #server;

  /** Clients are handed out by the server; there is no need to make one. */
  constructor(server, { id, dbname, connected, away, remote, remotePort, pid, command, via }) {
    this.#server = server;
    /** The client's id: `[master]`, or the 24 characters that a worker chose. */
    this.id = id;
    /** The database that it uses. */
    this.dbname = dbname;
    /** Since when it is connected. */
    this.connected = connected;
    /** Its connection was lost, and its session is kept for it to come back. */
    this.away = away;
    /** The address that it is, or was last, connected from; behind trusted proxies, the one that they name. */
    this.remote = remote;
    /** The port there. */
    this.remotePort = remotePort;
    /** Its process, where it is one of this machine that was found. */
    this.pid = pid;
    /** What that was started with. */
    this.command = command;
    /** In a cluster of several hubs: the other hub, by which it has come, or to which this one relays it. */
    this.via = via;
  }

  /**
   * Sends a message to this client alone. Strings are sent as they are, all else as JSON.
   * @param {unknown} message
   * @returns {Promise<void>} Rejects if the client is not connected any more.
   */
  async sendMessage(message) {
    const text = typeof message === 'string' ? message : JSON.stringify(message);
    if (typeof text !== 'string') {
      throw new TypeError(
        'AceBaseIPCClient.sendMessage: the message must be a string, or a value that JSON can express',
      );
    }
    if (!this.#server()?.send(this.dbname, this.id, text)) {
      throw gone(this);
    }
  }

  /**
   * Closes this client's connection, or has the hub that has its database close it; its session ends. Does nothing if
   * it has left already.
   */
  close() {
    this.#server()?.closeClient(this.dbname, this.id);
  }
}

function gone(client) {
  const error = new Error(printable(`Client ${client.id} of database ${client.dbname} is not connected`));
  return Object.assign(error, { code: 'ERR_IPC_CLIENT_GONE' });
}

module.exports = { AceBaseIPCClient };
