'use strict';

// Stands before a server, passes each request on as it is, and sees the answer: browsers do not show all of them.

const { once } = require('node:events');
const http = require('node:http');

const { within } = require('../cluster/support/wait.js');

/** How long an answer may take, in milliseconds. */
const PATIENCE = 10_000;

/**
 * @param {import('node:test').TestContext} t
 * @param {object} server
 * @returns {Promise<{ port: number, answerTo(path: string): Promise<number> }>} `answerTo`: the status of the next
 *   answer to a request for this path, whatever its query.
 */
async function watchAnswers(t, server) {
  const waiting = new Map();
  const watcher = http.createServer((request, answer) => {
    const { method, url: path, headers } = request;
    const onward = http.request({ host: '127.0.0.1', port: server.port, method, path, headers }, (response) => {
      answer.writeHead(response.statusCode, response.headers);
      response.pipe(answer);
      waiting.get(path.split('?')[0])?.(response.statusCode);
    });
    onward.on('error', () => answer.destroy());
    request.pipe(onward);
  });
  await once(watcher.listen(0, '127.0.0.1'), 'listening');
  t.after(() => {
    watcher.closeAllConnections();
    watcher.close();
  });
  const answerTo = (path) => within(path, PATIENCE, new Promise((resolve) => waiting.set(path, resolve)));
  return { port: watcher.address().port, answerTo };
}

module.exports = { watchAnswers };
