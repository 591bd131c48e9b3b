'use strict';

// Names that would turn a line around, hide in it, or move a terminal's cursor are written out wherever a person reads
// them: one rule for JavaScript, the live page's included, and for Rust.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { before, test } = require('node:test');

const { printable } = require('../lib/printable.js');
const { request } = require('./support/http.js');
const { join, refusal } = require('./support/peer.js');
const { start } = require('./support/process.js');
const { rawJoin } = require('./support/raw.js');
const { startServer } = require('./support/server.js');

/** As many characters as a refusal repeats. */
const MAX_TOLD = 64;

/** A name that reads as another one: what follows the first character is shown backwards. */
const SPOOF = 'peer-\u202e1-rotinom\u2066';
const SHOWN = 'peer-\\u{202e}1-rotinom\\u{2066}';

/** All characters that must be written out, and their neighbours that must not. */
const unseen = [];
const seen = [];
before(() => {
  const isUnseen = (code) => /\p{Cc}|\p{Cf}|\p{Zl}|\p{Zp}/u.test(String.fromCodePoint(code));
  const isCharacter = (code) => code >= 0 && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff);
  for (let code = 0; code <= 0x10ffff; code += 1) {
    if (isUnseen(code)) {
      unseen.push(String.fromCodePoint(code));
      const neighbours = [code - 1, code + 1].filter((next) => isCharacter(next) && !isUnseen(next));
      seen.push(...neighbours.map((next) => String.fromCodePoint(next)));
    }
  }
  assert.ok(unseen.length > 200 && seen.length > 40);
});

test('every control and format character is written out, and nothing else', () => {
  for (const character of unseen) {
    assert.match(printable(`a${character}b`), /^a\\(x[0-9a-f]{2}|u\{[0-9a-f]{3,6}\})b$/);
  }
  assert.equal(printable(seen.join('')), seen.join(''));
  for (const text of ['[master]', 'é שלום 😀 \\', 'a/b c']) {
    assert.equal(printable(text), text);
  }
  assert.equal(printable('a\nb\u00ad\u202e'), 'a\\x0ab\\xad\\u{202e}');
  assert.equal(printable('half \ud800 of one'), 'half \\u{d800} of one');
});

test('the live page has the same rule', async (t) => {
  const { body } = await request(await startServer(t), 'GET /printable.mjs');
  const { default: page } = await import(`data:text/javascript,${encodeURIComponent(body)}`);
  for (const character of [...unseen, ...seen, '\ud800', '\udfff', 'a', '😀']) {
    assert.equal(page.printable(character), printable(character));
  }
});

test('the answer to a refused client has the same rule', async (t) => {
  const server = await startServer(t);
  const characters = [...unseen, ...seen];
  while (characters.length > 0) {
    const version = characters.splice(0, MAX_TOLD).join('');
    const { status, body } = await refusal(server, 'peer-1', { version: encodeURIComponent(version) });
    assert.equal(status, 409);
    assert.equal(body, `409 Unsupported client IPC version "${printable(version)}". Update acebase-ipc-server package`);
  }
});

test('the log writes names out, and its JSON still says what they are', async (t) => {
  const script = `
    const { AceBaseIPCServer } = require('./index.js');
    new AceBaseIPCServer({ host: '127.0.0.1', port: 0, logFormat: process.argv[1] }).start();`;
  for (const format of ['text', 'json']) {
    const hub = start(t, process.execPath, ['-e', script, format]);
    const [, port] = await hub.printed(/running on port (\d+)/);
    await join({ port }, encodeURIComponent(SPOOF), { db: encodeURIComponent(`db${SPOOF}`) });
    await hub.printed(/has joined/);
    assert.doesNotMatch(hub.stdout, /[\u202e\u2066]/);
    const line = hub.stdout.split('\n').find((one) => one.includes('has joined'));
    if (format === 'text') {
      assert.ok(line.includes(`${SHOWN} has joined db${SHOWN} from 127.0.0.1:`), line);
    } else {
      const { id, dbname, message } = JSON.parse(line);
      assert.deepEqual([id, dbname], [SPOOF, `db${SPOOF}`]);
      assert.ok(message.startsWith(`${SHOWN} has joined db${SHOWN} from`), message);
    }
  }
});

test('`status` writes names out, and its JSON still says what they are', async (t) => {
  const server = await startServer(t);
  await join(server, encodeURIComponent(SPOOF));
  const look = (...args) =>
    start(t, process.execPath, ['bin/acebase-ipc-server.js', 'status', `127.0.0.1:${server.port}`, ...args]).ended;
  const [text, json] = await Promise.all([look(), look('--json')]);
  assert.ok(text.stdout.includes(SHOWN), text.stdout);
  assert.doesNotMatch(text.stdout + json.stdout, /[\u202e\u2066]/);
  assert.equal(JSON.parse(json.stdout).databases[0].peers[0].id, SPOOF);
});

test('refusals are logged with the name written out, and listeners get it as it is', async (t) => {
  const lines = [];
  const write = (message) => lines.push(message);
  const logger = { debug: write, info: write, warn: write, error: write };
  const server = await startServer(t, { token: 'secret', logger });
  const refused = once(server, 'refused');
  await refusal(server, 'peer-1', { token: 'wrong', db: encodeURIComponent(SPOOF) });
  assert.equal((await refused)[0].dbname, SPOOF);
  assert.ok(lines.at(-1).includes(`refused for ${SHOWN}: its token is wrong`), lines.at(-1));
});

/** Lets a client with an odd name be dropped, which is a warning that names it. */
async function dropSlow(server) {
  const slow = await rawJoin(server, encodeURIComponent(SPOOF));
  slow.socket.pause();
  const fast = await join(server, 'fast-1');
  // More than the system and the server keep for it.
  for (let count = 0; count < 200; count += 1) {
    fast.send('x'.repeat(100_000));
  }
  return slow;
}

const SMALL = { maxQueue: 1_000_000, maxPayload: 200_000 };

test('a warning is for people: names in it are written out', async (t) => {
  const server = await startServer(t, SMALL);
  const warned = once(server, 'warning');
  const slow = await dropSlow(server);
  const [{ code, message }] = await warned;
  assert.equal(code, 'slow-peer');
  assert.ok(message.includes(SHOWN), message);
  slow.socket.destroy();
});

test('so they are where a warning becomes one of the process', async (t) => {
  const script = `
    const { AceBaseIPCServer } = require('./index.js');
    const server = new AceBaseIPCServer({ host: '127.0.0.1', port: 0, ...${JSON.stringify(SMALL)} });
    process.on('warning', () => setImmediate(() => server.stop()));
    server.start();`;
  const hub = start(t, process.execPath, ['-e', script]);
  const [, port] = await hub.printed(/running on port (\d+)/);
  const slow = await dropSlow({ port: Number(port) });
  const { stderr } = await hub.ended;
  slow.socket.destroy();
  assert.ok(stderr.includes(SHOWN), stderr);
  assert.doesNotMatch(stderr, /[\u202e\u2066]/);
});
