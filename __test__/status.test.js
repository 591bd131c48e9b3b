'use strict';

// The commands `status` and `top`.

const assert = require('node:assert/strict');
const { EventEmitter, once } = require('node:events');
const http = require('node:http');
const { test } = require('node:test');

const { readCommandLine } = require('../lib/command-line/command-line.js');
const { troubles, withRates } = require('../lib/command-line/report.js');
const { toLines } = require('../lib/command-line/report-text.js');
const { openScreen } = require('../lib/command-line/screen.js');
const { pem } = require('./support/certificates.js');
const { join } = require('./support/peer.js');
const { freePort } = require('./support/port.js');
const { COMMAND, start } = require('./support/process.js');
const { startServer } = require('./support/server.js');

function command(t, args, env = {}) {
  return start(t, process.execPath, [COMMAND, ...args], { env: { PATH: process.env.PATH, ...env } });
}

/** Runs `status`: its exit code and what it says. */
function status(t, server, args = [], env = {}) {
  return command(t, ['status', `http://127.0.0.1:${server.port}`, ...args], env).ended;
}

test('it is told where to look in several ways', () => {
  const look = (...args) => readCommandLine(args, { TOKEN: 'environment' });
  const { url, ...others } = look('status');
  assert.equal(url.href, 'http://localhost:9163/');
  assert.deepEqual(others, { kind: 'status', token: 'environment', db: undefined, json: false, insecure: false });
  assert.equal(look('top', 'ipc.example.com:80').url.origin, 'http://ipc.example.com');
  assert.equal(look('status', 'https://[::1]:1', 'token=a=b', '--db=x').token, 'a=b');
  assert.throws(() => look('status', 'ftp://x'), { message: /^"ftp:\/\/x" is not the address of a server/ });
  assert.throws(() => look('status', '--jsn'), { message: 'unknown argument "--jsn" of status: did you mean --json?' });
  assert.throws(() => look('top', 'tokn=hunter2'), {
    message: 'unknown argument "tokn=…" of top: did you mean token=…?',
  });
});

test('a master and a worker: all is well, and both are listed', async (t) => {
  const server = await startServer(t);
  await join(server, '[master]');
  await join(server, 'peer-1');
  const { code, stdout, stderr } = await status(t, server);
  assert.deepEqual([code, stderr], [0, '']);
  assert.match(
    stdout,
    /^AceBase IPC server \S+ at http:\/\/127\.0\.0\.1:\d+, up [\d.]+ m?s\n\nmydb_data: master present, 2 clients\n/,
  );
  assert.match(stdout, /\n {2}\[master\] +master/);
  assert.match(stdout, /\n {2}peer-1 /);
});

test('a database that must have a master and has none ends with 2', async (t) => {
  const server = await startServer(t);
  await join(server, 'peer-1');
  assert.equal((await status(t, server)).code, 0);
  const named = await status(t, server, ['db=mydb_data']);
  assert.equal(named.code, 2);
  assert.match(named.stdout, /NOT WELL: database mydb_data has no master/);
  const { code, stdout } = await status(t, server, ['db=unknown', '--json']);
  assert.equal(code, 2);
  assert.deepEqual(JSON.parse(stdout).troubles, ['no client of database unknown is connected']);
});

test('the figures as JSON, with rates', async (t) => {
  const server = await startServer(t);
  const peer = await join(server, '[master]');
  const timer = setInterval(() => peer.send('x'), 20);
  t.after(() => clearInterval(timer));
  const { code, stdout } = await status(t, server, ['--json']);
  const [database] = JSON.parse(stdout).databases;
  assert.equal(code, 0);
  assert.equal(database.name, 'mydb_data');
  assert.ok(database.rates.received.messages > 5, JSON.stringify(database.rates));
  assert.equal(typeof database.peers[0].rates.received.messages, 'number');
});

test('a token is needed where there is one, and is never shown', async (t) => {
  const server = await startServer(t, { token: 'hunter2' });
  for (const [args, env, said] of [
    [[], {}, 'does not take requests without a token'],
    [['token=hunter3'], {}, 'does not take this token'],
  ]) {
    const { code, stdout, stderr } = await status(t, server, args, env);
    assert.deepEqual([code, stdout], [1, '']);
    const advice = 'Set TOKEN; with the token of one database, say which: db=NAME';
    assert.equal(stderr, `acebase-ipc-server: http://127.0.0.1:${server.port} ${said}. ${advice}\n`);
  }
  assert.equal((await status(t, server, ['token=hunter2'])).code, 0);
  assert.equal((await status(t, server, [], { TOKEN: 'hunter2' })).code, 0);
});

test('over TLS, with an authority of its own or without looking', async (t) => {
  const ssl = pem();
  const server = await startServer(t, { ssl });
  const url = `https://localhost:${server.port}`;
  const distrusted = await command(t, ['status', url]).ended;
  assert.equal(distrusted.code, 1);
  assert.match(distrusted.stderr, /cannot be reached: self-signed certificate/);
  assert.equal((await command(t, ['status', url, '--insecure']).ended).code, 0);
  assert.equal((await command(t, ['status', url], { NODE_EXTRA_CA_CERTS: ssl.certPath }).ended).code, 0);
});

test('where no server is, or another one, it ends with 1 and one line', async (t) => {
  const nobody = await status(t, { port: await freePort() });
  assert.equal(nobody.code, 1);
  assert.match(nobody.stderr, /^acebase-ipc-server: \S+ cannot be reached: nobody listens there\n$/);
  const other = http.createServer((_, response) => response.end('{}')).listen(0, '127.0.0.1');
  t.after(() => other.close());
  await once(other, 'listening');
  const { code, stderr } = await status(t, other.address());
  assert.equal(code, 1);
  assert.match(stderr, /^acebase-ipc-server: \S+ does not seem to be an AceBase IPC server: [^\n]+\n$/);
});

test('top goes on until it is told to end, and outlives the server', async (t) => {
  const server = await startServer(t);
  await join(server, '[master]');
  const top = command(t, ['top', `127.0.0.1:${server.port}`]);
  await top.printed(/master present/);
  await server.stop();
  await top.printed(/cannot be reached/);
  top.child.kill('SIGINT');
  assert.equal((await top.ended).code, 0);
});

test('a terminal is given back as it was, and q ends the show', async () => {
  const written = [];
  const output = Object.assign(new EventEmitter(), {
    isTTY: true,
    columns: 10,
    rows: 2,
    write: (text) => written.push(text),
  });
  const modes = [];
  const input = Object.assign(new EventEmitter(), {
    isTTY: true,
    setRawMode: (isRaw) => modes.push(isRaw),
    resume: () => input,
    pause: () => input,
  });
  const screen = openScreen({ input, output });
  screen.show(['a line that is too long', 'two', 'three']);
  input.emit('data', Buffer.from('q'));
  assert.equal(await screen.isOpenAfter(60_000), false);
  screen.close();
  assert.deepEqual(written, [
    '\x1b[?1049h\x1b[?25l',
    '\x1b[Ha line tha\x1b[K\r\ntwo\x1b[K\x1b[J',
    '\x1b[?25h\x1b[?1049l',
  ]);
  assert.deepEqual(modes, [true, false]);
  assert.equal(output.listenerCount('resize') + input.listenerCount('data'), 0);
});

/** A report as the server makes it, with one database of one client. */
function report({ now = 1000, received = 0, ...database } = {}) {
  const traffic = { received: { messages: received, bytes: received }, sent: { messages: 0, bytes: 0 } };
  const peer = { id: 'w', role: 'worker', connectedAt: 0, away: false, rttMicros: 500, queuedBytes: 0, ...traffic };
  const counts = {
    heldRequests: 0,
    deliveredRequests: 0,
    queuedBytes: 0,
    peerCount: 1,
    lockCount: { held: 0, fenced: 0, waiting: 0 },
  };
  const all = {
    name: 'db',
    masterPresent: true,
    needsMaster: true,
    ...counts,
    ...traffic,
    peers: [peer],
    locks: [],
    ...database,
  };
  return { server: { version: '2.0.0', uptimeMs: 7_260_000, stopping: false, now }, databases: [all] };
}

test('rates are what has grown in the time between', () => {
  const [database] = withRates(report({ received: 10 }), report({ now: 3000, received: 30 })).databases;
  assert.equal(database.rates.received.messages, 10);
  assert.equal(database.peers[0].rates.received.messages, 10);
  const [again] = withRates(report({ received: 10 }), report({ now: 3000, received: 3 })).databases;
  assert.equal(again.rates.received.messages, 0);
  assert.equal(withRates({ ...report(), databases: [] }, report({ now: 3000 })).databases[0].rates, null);
});

test('a missing master, where one is needed or asked for, and a server that stops are what is not well', () => {
  assert.deepEqual(troubles(report()), []);
  assert.deepEqual(troubles(report({ masterPresent: false })), ['database db has no master']);
  assert.deepEqual(troubles(report({ masterPresent: false, needsMaster: false })), []);
  assert.deepEqual(troubles(report({ masterPresent: false, needsMaster: false }), 'db'), ['database db has no master']);
  const stopping = report();
  stopping.server.stopping = true;
  assert.deepEqual(troubles(stopping), ['the server is stopping']);
});

test('locks say who waits for whom, and no text of a client moves the cursor', () => {
  const holder = {
    id: 1,
    peer: 'a',
    path: 'shop',
    write: true,
    state: 'held',
    ageMs: 65_000,
    waitsFor: [],
    waitsForCount: 0,
  };
  const waiter = {
    ...holder,
    id: null,
    peer: 'b\x1b[2J',
    state: 'waiting',
    waitsFor: [{ id: 1, peer: 'a', path: 'shop' }],
    waitsForCount: 2,
  };
  const lines = toLines(report({ locks: [holder, waiter] }), [], 'http://localhost:9163');
  assert.equal(lines[0], 'AceBase IPC server 2.0.0 at http://localhost:9163, up 2 h 1 min');
  assert.equal(lines.at(-2), '  /shop  write  held     1 min 5 s  a');
  assert.equal(lines.at(-1), '  /shop  write  waiting  1 min 5 s  b\\x1b[2J  a on /shop and 1 more');
});
