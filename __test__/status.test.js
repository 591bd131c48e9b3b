'use strict';

// The commands `status` and `top`.

const assert = require('node:assert/strict');
const { EventEmitter, once } = require('node:events');
const http = require('node:http');
const { test } = require('node:test');

const { readCommandLine } = require('../lib/command-line/command-line.js');
const { withRates } = require('../lib/command-line/report.js');
const { toLines } = require('../lib/command-line/report-text.js');
const { openScreen } = require('../lib/command-line/screen.js');
const { bounded, initialView, pressed, toScreen } = require('../lib/command-line/top-view.js');
const { pem } = require('./support/certificates.js');
const { join } = require('./support/peer.js');
const { noOpenssl, noSignals } = require('./support/platform.js');
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
  const none = { db: undefined, client: undefined, to: undefined, maxWait: undefined };
  const nothing = { ...none, json: false, insecure: false };
  assert.deepEqual(others, { kind: 'status', isSchemeGiven: false, token: 'environment', ...nothing });
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
  assert.match(
    named.stdout,
    /^WARNING mydb_data: There (is|has been) no master( for \d+ m?s)?\n {2}-> Start the process/,
  );
  const { code, stdout } = await status(t, server, ['db=unknown', '--json']);
  assert.equal(code, 2);
  const [{ kind, text }] = JSON.parse(stdout).troubles;
  assert.deepEqual([kind, text], ['no-client', 'No client of database unknown is connected']);
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

test('over TLS, with an authority of its own or without looking', { skip: noOpenssl }, async (t) => {
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

test('top goes on until it is told to end, and outlives the server', { skip: noSignals }, async (t) => {
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
  const keys = [];
  const draw = ({ columns, rows }) => [{ text: `${columns} by ${rows} is too long`, style: 'error' }, 'two', 'three'];
  const screen = openScreen({ draw, onKey: (key) => keys.push(key), input, output, hasColours: true });
  screen.redraw();
  output.rows = 1;
  input.emit('data', Buffer.from('\x1b[6~s\x1b[B'));
  input.emit('data', Buffer.from('q'));
  assert.equal(await screen.isOpenAfter(60_000), false);
  screen.close();
  assert.deepEqual(written, [
    '\x1b[?1049h\x1b[?25l',
    '\x1b[H\x1b[1;31m10 by 2 is\x1b[0m\x1b[K\r\ntwo\x1b[K\x1b[J',
    '\x1b[H\x1b[1;31m10 by 1 is\x1b[0m\x1b[K\x1b[J',
    '\x1b[?25h\x1b[?1049l',
  ]);
  assert.deepEqual(keys, ['pagedown', 's', 'down'], 'each key counts, also where several come at once');
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
  return { server: { version: '2.0.0', uptimeMs: 7_260_000, stopping: false, now }, troubles: [], databases: [all] };
}

test('rates are what has grown in the time between', () => {
  const [database] = withRates(report({ received: 10 }), report({ now: 3000, received: 30 })).databases;
  assert.equal(database.rates.received.messages, 10);
  assert.equal(database.peers[0].rates.received.messages, 10);
  const [again] = withRates(report({ received: 10 }), report({ now: 3000, received: 3 })).databases;
  assert.equal(again.rates.received.messages, 0);
  assert.equal(withRates({ ...report(), databases: [] }, report({ now: 3000 })).databases[0].rates, null);
});

test('what is wrong comes first, with what to do about it', () => {
  const troubles = [
    { level: 'error', dbname: 'db', text: 'The master is silent: b\x1b[2J', advice: 'Look at it' },
    { level: 'info', dbname: null, text: 'The server was restarted', advice: 'Nothing' },
  ];
  const lines = toLines({ ...report(), troubles }, 'http://localhost:9163');
  assert.deepEqual(lines.slice(0, 6), [
    'TROUBLE db: The master is silent: b\\x1b[2J',
    '  -> Look at it',
    'NOTE The server was restarted',
    '  -> Nothing',
    '',
    'AceBase IPC server 2.0.0 at http://localhost:9163, up 2 h 1 min',
  ]);
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
  const lines = toLines(report({ locks: [holder, waiter] }), 'http://localhost:9163');
  assert.equal(lines[0], 'AceBase IPC server 2.0.0 at http://localhost:9163, up 2 h 1 min');
  assert.equal(lines.at(-2), '  /shop  write  held     1 min 5 s  a');
  assert.equal(lines.at(-1), '  /shop  write  waiting  1 min 5 s  b\\x1b[2J  a on /shop and 1 more');
});

test('a lock that was passed on is shown with who has it now, since when, and how often it was passed on', () => {
  const lock = { id: 7, peer: 'b', path: 'shop', write: true, state: 'held', ageMs: 3, passed: 12, waitsFor: [] };
  const passed = report({ locks: [{ ...lock, waitsForCount: 0 }], lockPasses: 1234 });
  const lines = toLines(passed, 'http://localhost:9163');
  assert.equal(lines.at(-1), '  /shop  write  held, passed on 12 times  3 ms  b');
  assert.ok(lines.includes('  locks     0 held, 0 of a former master, 0 waiting; passed on 1,234 times so far'), lines);
  const screen = toScreen(passed, 'http://localhost:9163', initialView(), { columns: 100, rows: 20 });
  const shown = screen.map(({ text }) => text);
  assert.ok(shown.includes('write /shop  held, passed on 12 times  3 ms  b'), shown);
  assert.ok(
    shown.includes('requests 0 held, 0 with the master, locks 0 granted, 0 waiting, passed on 1,234 times so far'),
    shown,
  );
});

test('a lock that counts no longer is shown as expired', () => {
  const lock = { id: 7, peer: 'b', path: 'shop', write: true, state: 'held', ageMs: 3, passed: 0, hasExpired: true };
  const expired = report({ locks: [{ ...lock, waitsFor: [], waitsForCount: 0 }] });
  assert.equal(toLines(expired, 'http://localhost:9163').at(-1), '  /shop  write  held, expired  3 ms  b');
});

test('one of several hubs names the others, the engine, whose databases are elsewhere, and by whom clients come', () => {
  const cluster = {
    name: 'hub-1',
    hubs: [
      { name: 'hub-1', address: '10.0.0.1:9163' },
      { name: '10.0.0.2:9163', address: '10.0.0.2:9163' },
    ],
    engine: { state: 'down', sinceMs: 65_000, fault: 'it is\x1b[2J away' },
    relayed: 3,
    databases: [
      { db: 'a_data', state: 'here', owner: 'hub-1' },
      { db: 'b_data', state: 'elsewhere', owner: '10.0.0.2:9163' },
      { db: 'c_data', state: 'engine-down', owner: null },
    ],
  };
  const via = report();
  Object.assign(via.databases[0].peers[0], { remote: '10.0.0.7:1', via: '10.0.0.2:9163' });
  const lines = toLines({ ...via, cluster }, 'http://localhost:9163');
  assert.deepEqual(lines.slice(1, 5), [
    'Hub hub-1 of 2 hubs: hub-1 at 10.0.0.1:9163, 10.0.0.2:9163',
    'Engine down for 1 min 5 s (it is\\x1b[2J away), 3 clients relayed',
    '  b_data: at 10.0.0.2:9163',
    '  c_data: the engine does not answer, and nobody is known to have it',
  ]);
  assert.match(lines.join('\n'), /10\.0\.0\.7:1 via 10\.0\.0\.2:9163/);
  const screen = toScreen({ ...via, cluster }, 'http://localhost:9163', initialView(), { columns: 100, rows: 30 });
  assert.deepEqual(
    screen.slice(1, 3).map(({ text }) => text),
    lines.slice(1, 3),
  );
});

/** A report with so many clients, a lock that some of them wait for, and a trouble. */
function crowded(clients) {
  const template = report().databases[0].peers[0];
  const peers = Array.from({ length: clients }, (_, number) => ({
    ...template,
    id: `mwy97dix00001k7duvt2xg${10 + number}`,
    queuedBytes: number,
    remote: `127.0.0.1:${50_000 + number}`,
    pid: 4000 + number,
    heardMs: 0,
  }));
  const lock = { id: 1, path: 'shop/stock', write: true, waitsFor: [], waitsForCount: 0, ageMs: 12_000 };
  const [holder, ...waiters] = peers;
  const waitsFor = [{ id: 1, peer: holder.id, path: 'shop/stock' }];
  const locks = [
    { ...lock, peer: holder.id, state: 'held' },
    ...waiters
      .slice(0, 7)
      .map(({ id }) => ({ ...lock, id: null, peer: id, state: 'waiting', waitsFor, waitsForCount: 1 })),
  ];
  const trouble = {
    level: 'error',
    dbname: 'db',
    text: 'A write lock is held for 12 s',
    advice: 'Look at process 4000',
  };
  return { ...report({ peers, locks }), troubles: [trouble] };
}

test('top shows trouble and locks on a small terminal, and the rest by scrolling', () => {
  const size = { columns: 80, rows: 24 };
  const show = (view) => toScreen(crowded(12), 'http://localhost:9163', view, size);
  const first = show(initialView());
  assert.equal(first.length, 24);
  assert.ok(first.every(({ text }) => text.length <= 80));
  assert.deepEqual([first[1].text, first[1].style], ['db: A write lock is held for 12 s', 'error']);
  const heads = first.flatMap(({ text }, at) => (/^(LOCK|CLIENT) /.test(text) ? [at] : []));
  assert.equal(heads.length, 2, 'both tables have begun');
  assert.match(first[heads[0] + 1].text, /^write \/shop\/stock +held +12 s +mwy97d\S*10$/);
  assert.match(
    first.at(-1).text,
    /^q: quit {2}s: sort clients by role {2}arrows, space: scroll \(0 above, \d+ below\)$/,
  );
  const last = show(['pagedown', 'pagedown'].reduce(pressed, initialView()));
  assert.ok(
    last.some(({ text }) => /^mwy97d\S*21 /.test(text)),
    'the last client',
  );
});

test('top scrolls back at the first key, however often it was told to scroll on', () => {
  const size = { columns: 80, rows: 24 };
  const atEnd = bounded(crowded(12), Array(20).fill('pagedown').reduce(pressed, initialView()), size);
  const footOf = (view) => toScreen(crowded(12), 'http://localhost:9163', view, size).at(-1).text;
  assert.match(footOf(atEnd), /, 0 below\)$/);
  assert.match(footOf(pressed(atEnd, 'up')), /, 1 below\)$/);
});

test('top sorts clients by what is chosen', () => {
  const size = { columns: 120, rows: 100 };
  const view = ['s', 's'].reduce(pressed, initialView());
  const lines = toScreen(crowded(12), 'http://localhost:9163', view, size).map(({ text }) => text);
  const at = lines.findIndex((line) => line.startsWith('CLIENT'));
  assert.match(lines[at + 1], /^mwy97dix00001k7duvt2xg21 /);
  assert.match(lines.at(-1), /sort clients by queue/);
});
