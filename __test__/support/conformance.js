'use strict';

// Tests of HTTP that are lists of requests and of the answers that are demanded.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { setScene, statuses } = require('./exchange.js');
const { startServer } = require('./server.js');

/** How many exchanges go on at a time. */
const CONCURRENCY = 16;
/** In bytes, so that a long head is soon there. */
const MAX_HEADER_SIZE = 8192;
/**
 * In milliseconds: longer than any test waits, so that a connection that is closed only because it is idle was not
 * closed.
 */
const HANDSHAKE_TIMEOUT = 120_000;
/** A request that is answered with 200, and ends the connection. */
const LAST = 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';

/** A request of one line and one more header, or several. */
function get(line, headers = 'Host: x') {
  return `${line}\r\n${headers}\r\n\r\n`;
}

/** A request to send a message, with these headers and this body. */
function post({ target }, headers, body) {
  return `POST ${target} HTTP/1.1\r\nHost: x\r\n${headers}\r\n\r\n${body}`;
}

/** Requests that are refused with one status, and whose connection is closed. */
function refusals(t, group, status, texts) {
  for (const [name, text] of texts) {
    t.exchange(`${group}: ${name}: ${status || 'closed'}, and what follows is not executed`, async (scene) => {
      const answers = await scene.answers(text(scene) + scene.smuggled);
      assert.deepEqual(statuses(answers), status ? [status] : []);
      await scene.delivered();
    });
  }
}

/** Requests after which the connection goes on. */
function answered(t, group, texts) {
  for (const [name, text, expected, ...delivered] of texts) {
    t.exchange(`${group}: ${name}: ${[...new Set(expected)]}, and the connection goes on`, async (scene) => {
      const answers = await scene.answers(text(scene) + LAST);
      assert.deepEqual(statuses(answers), [...expected, 200]);
      await scene.delivered(...delivered);
    });
  }
}

/** Requests that are answered, and whose connection is then closed. */
function answeredLast(t, group, texts) {
  for (const [name, text, expected, ...delivered] of texts) {
    t.exchange(`${group}: ${name}: ${expected}, closed, and what follows is not executed`, async (scene) => {
      const answers = await scene.answers(text(scene) + scene.smuggled);
      assert.deepEqual(statuses(answers), expected);
      await scene.delivered(...delivered);
    });
  }
}

/** Registers the exchanges, each in a database of its own. */
function conformance(name, specify) {
  test(name, { concurrency: CONCURRENCY }, async (t) => {
    const server = await startServer(t, { maxHeaderSize: MAX_HEADER_SIZE, handshakeTimeout: HANDSHAKE_TIMEOUT });
    const exchanges = [];
    const exchange = (title, check) => {
      const db = `exchange_${exchanges.length}`;
      exchanges.push(t.test(title, async () => check(await setScene(server, db))));
    };
    specify({ exchange });
    await Promise.all(exchanges);
  });
}

module.exports = { answered, answeredLast, conformance, get, LAST, MAX_HEADER_SIZE, post, refusals };
