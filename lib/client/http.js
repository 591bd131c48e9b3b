'use strict';

// HTTP requests to a hub without the extension: what is too long for its frames goes this way. Knows no messages.

const http = require('node:http');
const https = require('node:https');

/** How long a hub may be silent within a request, in milliseconds. */
const SILENCE_LIMIT = 30_000;

/** How many bytes of an answer are read at most. */
const MAX_ANSWER = 512 * 1024 * 1024;

/**
 * Does one request.
 * @param {{ host: string, port: number, address?: string, isSecure: boolean }} hub
 * @param {string} method
 * @param {string} path With its query, encoded.
 * @param {string} [body]
 * @returns {Promise<{ status: number, text: string }>} Rejects where there is no answer.
 */
function request({ host, port, address, isSecure }, method, path, body = '') {
  const options = {
    host: address ?? host,
    servername: host,
    port,
    path,
    method,
    headers: {
      Host: `${host}:${port}`,
      'Content-Type': 'application/json',
      'Content-Length': Buffer.byteLength(body),
    },
    timeout: SILENCE_LIMIT,
  };
  return new Promise((resolve, reject) => {
    const sent = (isSecure ? https : http).request(options, (response) => {
      const parts = [];
      let size = 0;
      response.on('data', (part) => {
        size += part.length;
        size > MAX_ANSWER ? sent.destroy(new Error('the answer is too long')) : parts.push(part);
      });
      response.on('end', () => resolve({ status: response.statusCode, text: Buffer.concat(parts).toString() }));
      response.on('error', reject);
    });
    sent.on('timeout', () => sent.destroy(new Error(`no answer within ${SILENCE_LIMIT} ms`)));
    // After an early answer, such as 413, there may be a reset: the answer counts.
    sent.on('error', reject);
    sent.end(body);
  });
}

module.exports = { request };
