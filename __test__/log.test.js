'use strict';

// The log: what has a line, in which form, where it goes, and that it never has a token.

const assert = require('node:assert/strict');
const { test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');

const { AceBaseIPCServer } = require('..');
const { EventLog } = require('../lib/server/event-log.js');
const { MAX_LINES, PERIOD } = require('../lib/server/line-throttle.js');
const { Log } = require('../lib/server/log.js');
const { join, refusal } = require('./support/peer.js');
const { runScript } = require('./support/process.js');
const { MOMENT, startServer } = require('./support/server.js');

/** A logger that remembers: `lines` are `[level, message, details]`. */
function memory() {
  const lines = [];
  const to = (level) => (message, details) => lines.push([level, message, details]);
  return { lines, debug: to('debug'), info: to('info'), warn: to('warn'), error: to('error') };
}

test("a logger gets the server's life, joins and departures, and what it does for the cluster", async (t) => {
  const logger = memory();
  const server = await startServer(t, { logger });
  const peer = await join(server, 'peer-1');
  await peer.close();
  await sleep(MOMENT);
  await server.stop();
  const told = logger.lines.map(([level, message]) => `${level} ${message.replace(/127.0.0.1:\d+/, '127.0.0.1:1')}`);
  assert.deepEqual(
    told.filter((line) => !line.includes('session')),
    [
      `info AceBase IPC server running on port ${logger.lines[0][2].port}`,
      'info peer-1 has joined mydb_data from 127.0.0.1:1',
      'info peer-1 has left mydb_data from 127.0.0.1:1: it closed its connection (closed)',
      'info AceBase IPC server stopped',
    ],
  );
  const { remotePort, ...details } = logger.lines[1][2];
  const nobody = { pid: null, command: null };
  assert.deepEqual(details, {
    event: 'connect',
    dbname: 'mydb_data',
    id: 'peer-1',
    remote: '127.0.0.1',
    ...nobody,
  });
  assert.equal(typeof remotePort, 'number');
});

test('what the server does for the cluster is logged by how much it matters', async (t) => {
  const logger = memory();
  const server = await startServer(t, { logger, masterTimeout: 200 });
  const worker = await join(server, 'peer-1');
  const data = { path: 'a', write: true, tid: 't', comment: 'set' };
  const request = { type: 'lock-request', id: 'one', from: 'peer-1', to: '[master]', data };
  worker.send(`to:[master];${JSON.stringify(request)}`);
  assert.equal(JSON.parse(await worker.next()).ok, false);
  await sleep(MOMENT);
  const told = logger.lines.filter(([, , { event }]) => event === 'coordination');
  assert.deepEqual(
    told.map(([level, , { kind }]) => [level, kind]),
    [
      ['info', 'request-held'],
      ['warn', 'request-failed'],
    ],
  );
});

test('doubts about the configuration and refusals are logged, and no token ever is', async (t) => {
  const logger = memory();
  const server = await startServer(t, {
    logger,
    token: 'hunter2&',
    tokens: ['hunter3'],
    masterTimeout: 60,
    logLevel: 'debug',
  });
  assert.equal((await refusal(server, 'peer-1', { token: 'hunter4' })).status, 403);
  await sleep(MOMENT);
  const all = JSON.stringify(logger.lines);
  assert.match(all, /option \\"masterTimeout\\" is in milliseconds/);
  assert.match(
    all,
    /A client at 127\.0\.0\.1:\d+(, process \d+ \(.*\))? was refused for mydb_data: its token is wrong \(token-wrong, 403\)/,
  );
  assert.doesNotMatch(all, /hunter/);
});

test('what is below the level has no line, and is not produced', async (t) => {
  const logger = memory();
  const server = await startServer(t, { logger, logLevel: 'error' });
  await join(server, 'peer-1');
  await sleep(MOMENT);
  assert.deepEqual(logger.lines, []);
});

test('a listener and the log are both served, and a listener that leaves does not end the log', async (t) => {
  const logger = memory();
  const server = await startServer(t, { logger });
  const heard = [];
  const listener = (client) => heard.push(client.id);
  server.on('connect', listener);
  await join(server, 'peer-1');
  await sleep(MOMENT);
  server.removeAllListeners('connect');
  await join(server, 'peer-2');
  await sleep(MOMENT);
  assert.deepEqual(heard, ['peer-1']);
  const joined = logger.lines.filter(([, , { event }]) => event === 'connect').map(([, , { id }]) => id);
  assert.deepEqual(joined, ['peer-1', 'peer-2']);
});

test('traced messages are lines of the level debug', async (t) => {
  const logger = memory();
  const server = await startServer(t, { logger, logLevel: 'debug' });
  server.trace('mydb_data');
  const peer = await join(server, 'peer-1');
  await join(server, 'peer-2');
  peer.send('to:peer-2;hello there');
  await sleep(MOMENT);
  assert.ok(
    logger.lines.some(
      ([level, message]) => level === 'debug' && /^peer-1 to peer-2 of mydb_data, 11 bytes.*hello there/.test(message),
    ),
    JSON.stringify(logger.lines),
  );
});

test('text lines have a time and a level; warnings and errors go to standard error', (t) => {
  const [said, complained] = [t.mock.method(console, 'log', () => {}), t.mock.method(console, 'error', () => {})];
  const log = new Log({ logLevel: 'info' });
  log.write('info', 'all is\nwell');
  log.write('warn', 'careful');
  log.write('debug', 'nobody reads this');
  const texts = (mock) =>
    mock.mock.calls.map(({ arguments: [line] }) => line.replace(/^\d{4}-\d\d-\d\dT[\d:.]+Z /, 'TIME '));
  assert.deepEqual(texts(said), ['TIME info: all is\\x0awell']);
  assert.deepEqual(texts(complained), ['TIME warning: careful']);
});

test('JSON lines have the parts of the message', (t) => {
  const said = t.mock.method(console, 'log', () => {});
  new Log({ logFormat: 'json' }).write('info', 'peer-1 has joined db', { id: 'peer-1' });
  const { time, ...line } = JSON.parse(said.mock.calls[0].arguments[0]);
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 5000);
  assert.deepEqual(line, { level: 'info', message: 'peer-1 has joined db', id: 'peer-1' });
});

test('without a log there is only the line that says where the server listens', async (t) => {
  const script = `
    const { AceBaseIPCServer } = require('./index.js');
    const server = new AceBaseIPCServer({ host: '127.0.0.1', port: 0, LOG });
    server.start().then(() => server.stop());`;
  const plain = await runScript(script.replace('LOG', ''), t);
  assert.match(plain.stdout, /^AceBase IPC server running on port \d+\n$/);
  const silent = await runScript(script.replace('LOG', "logLevel: 'silent', prot: 1"), t);
  assert.deepEqual([silent.stdout, silent.stderr], ['', '']);
});

test('a logger without all methods is refused', () => {
  assert.throws(() => new AceBaseIPCServer({ logger: { info() {} } }), {
    message:
      'AceBaseIPCServer: option "logger" must be an object with the methods debug, info, warn and error, but is an object',
  });
  assert.throws(
    () => new AceBaseIPCServer({ logLevel: 'verbose' }),
    /'silent' or 'error' or 'warn' or 'info' or 'debug'/,
  );
});

test('a crowd that comes and goes does not fill the log, which tells how many lines were left out', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const logger = memory();
  const log = new EventLog(new Log({ logger }));
  const crowd = Array.from({ length: 5 * MAX_LINES }, (_, number) => ({ type: 'connect', db: 'db', id: `${number}` }));
  for (const event of crowd) {
    log.write(event);
  }
  log.write({ type: 'warning', code: 'slow-peer', message: 'slow' });
  assert.equal(logger.lines.length, MAX_LINES + 1, 'warnings are written all the same');
  t.mock.timers.tick(PERIOD);
  const [level, message, details] = logger.lines.at(-1);
  assert.equal(
    `${level} ${message}`,
    `info ${4 * MAX_LINES} more lines of the kind "connect" were left out within 10 s`,
  );
  assert.deepEqual(details, { event: 'left-out', kind: 'connect', leftOut: 4 * MAX_LINES });
  log.write(crowd[0]);
  assert.match(logger.lines.at(-1)[1], /has joined/, 'a new period begins');
});
