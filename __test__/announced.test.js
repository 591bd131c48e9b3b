'use strict';

// One rule in JavaScript and in Rust: whose POST cannot arrive is told so when the server is made, by `lib/config`, and
// is told to send all over its socket when it connects, by the addon.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const { isNamePosted, isTokenPosted } = require('../lib/config/as-sent.js');
const { announcedLimit } = require('./support/peer.js');
const { startServer } = require('./support/server.js');

/** In bytes. What is announced where the rest can be posted, and where it cannot. */
const [BY_POST, BY_SOCKET] = [16 * 1024, 100 * 1024 * 1024];

/** ASCII, Latin-1 and somewhat more, one by one; and characters of two, three and four bytes of UTF-8. */
const CHARACTERS = [
  ...Array.from({ length: 0x120 }, (_, code) => String.fromCharCode(code)),
  ...['\u05d0', '\u200b', '\u2028', '漢', '\ufeff', '\uffff', '😀'],
];
const SEQUENCES = ['%41', '%4', '%', '..', '../', '&t=', '?', '#', '+'];
const ODD = [...CHARACTERS, ...SEQUENCES].flatMap((odd) => [`a${odd}z`, `${odd}z`, `a${odd}`]);
/** Names with these are refused. */
const CONTROL = /\p{Cc}/u;

/** What the addon says: with this name and this token, as they are, can a client POST? */
async function canPost(server, name, token) {
  const limit = await announcedLimit(server, { db: encodeURIComponent(name), token: encodeURIComponent(token) });
  assert.ok([BY_POST, BY_SOCKET].includes(limit), `${limit}`);
  return limit === BY_POST;
}

test('a name is announced as one that cannot be posted to where it is doubted, and nowhere else', async (t) => {
  const server = await startServer(t);
  const names = ODD.filter((name) => !CONTROL.test(name));
  const differing = [];
  for (const name of names) {
    if ((await canPost(server, name, 'undefined')) !== isNamePosted(name)) {
      differing.push(name);
    }
  }
  assert.deepEqual(differing, []);
  assert.deepEqual(new Set(names.map(isNamePosted)), new Set([true, false]));
});

test('a token is announced as one that cannot be posted with where it is doubted, and nowhere else', async (t) => {
  const server = await startServer(t);
  const differing = [];
  for (const token of ODD) {
    if ((await canPost(server, 'mydb_data', token)) !== isTokenPosted(token)) {
      differing.push(token);
    }
  }
  assert.deepEqual(differing, []);
  assert.deepEqual(new Set(ODD.map(isTokenPosted)), new Set([true, false]));
});
