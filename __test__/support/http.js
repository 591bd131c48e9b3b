'use strict';

// Plain HTTP requests to a server, over either transport.

const http = require('node:http');
const https = require('node:https');

/**
 * One request, and its whole answer.
 * @param {object} server
 * @param {string} target Such as `POST /mydb_data/send?id=peer-1`.
 * @param {{ body?: string | Buffer, chunks?: Buffer[], headers?: object, agent?: http.Agent }} [options]
 * @returns {Promise<{ status: number, headers: object, body: string }>}
 */
function request(server, target, { body, chunks, headers, agent } = {}) {
  const [method, path] = target.split(' ');
  const { request: open } = server.isTls ? https : http;
  return new Promise((resolve, reject) => {
    const { host = '127.0.0.1', port } = server;
    const options = { host, port, method, path, headers, agent, rejectUnauthorized: false };
    const message = open(options, async (response) => {
      const parts = await response.toArray();
      resolve({
        status: response.statusCode,
        headers: response.headers,
        body: Buffer.concat(parts).toString(),
      });
    });
    message.on('error', reject);
    for (const chunk of chunks ?? []) {
      message.write(chunk);
    }
    message.end(body);
  });
}

/** The agent to keep connections alive with. */
function keepAliveAgent(server) {
  return new (server.isTls ? https : http).Agent({ keepAlive: true, maxSockets: 1 });
}

module.exports = { keepAliveAgent, request };
