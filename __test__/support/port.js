'use strict';

// Ports of this machine: free ones, and whether somebody listens.

const { once } = require('node:events');
const net = require('node:net');

const HOST = '127.0.0.1';

/**
 * What the published client takes for a refusal of the hub, also where it is part of the port in the system's own
 * message.
 */
const ODD_DIGITS = /403|409|500/;

/** A port that nobody listens on at the moment. */
async function freePort() {
  const server = net.createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return ODD_DIGITS.test(port) ? freePort() : port;
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
