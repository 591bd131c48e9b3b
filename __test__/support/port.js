'use strict';

// Ports of this machine: free ones, and whether somebody listens.

const { randomInt } = require('node:crypto');
const { once } = require('node:events');
const net = require('node:net');

const HOST = '127.0.0.1';

/**
 * What the published client takes for a refusal of the hub, also where it is part of the port in the system's own
 * message.
 */
const ODD_DIGITS = /403|409|500/;

/**
 * Where systems look for no port by themselves: one of theirs may be taken, by a connection to anywhere, between its
 * choice and its use.
 */
const [FIRST, LAST] = [10_000, 32_000];

/** A port that nobody listens on at the moment. */
async function freePort() {
  const port = randomInt(FIRST, LAST);
  return ODD_DIGITS.test(port) || !(await isFree(port)) ? freePort() : port;
}

async function isFree(port) {
  const server = net.createServer().listen(port, HOST);
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}

/** Whether connections to a port are taken, be it by the kernel alone. */
async function isOpen(port, host = HOST) {
  const socket = net.connect(port, host);
  try {
    await once(socket, 'connect');
    return true;
  } catch (error) {
    if (error.code !== 'ECONNREFUSED') {
      throw error;
    }
    return false;
  } finally {
    socket.destroy();
  }
}

module.exports = { freePort, isOpen };
