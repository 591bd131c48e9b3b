'use strict';

// What is told of those who are not let in: who they are, also behind a proxy; and that no number of them fills a disk.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');

const { pem } = require('./support/certificates.js');
const { request } = require('./support/http.js');
const { refusal } = require('./support/peer.js');
const { noOpenssl } = require('./support/platform.js');
const { rawConnect } = require('./support/raw.js');
const { MOMENT, startServer } = require('./support/server.js');

/** Between two events of a reason and an address, and how much later one may come; in milliseconds. */
const INTERVAL = 10_000;
const SLACK = 3000;
/** Attempts at one time. */
const BATCH = 50;

/** A server that asks for a token, and what it tells: the event `refused` and the log's lines of it. */
async function startGuarded(t, config = {}) {
  const lines = [];
  const write = (message, details) => details.event === 'refused' && lines.push({ message, details });
  const logger = { debug: write, info: write, warn: write, error: write };
  const server = await startServer(t, { token: 'secret', logger, ...config });
  const refused = [];
  server.on('refused', (one) => refused.push(one));
  return { server, refused, lines };
}

/** Comes without the token, so many times. `headersOf`: those of each. */
async function intrude(server, count, headersOf = () => ({})) {
  for (let first = 0; first < count; first += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, count - first) }, (_, number) =>
      refusal(server, `peer-${number}`, { token: 'wrong', headers: headersOf(first + number) }),
    );
    for (const { status } of await Promise.all(batch)) {
      assert.equal(status, 403);
    }
  }
}

/** How many attempts these events stand for. */
function total(refused) {
  return refused.reduce((sum, { leftOut }) => sum + leftOut + 1, 0);
}

test('a thousand refusals of one address are two lines, which say how many there were, and all are counted', async (t) => {
  const { server, refused, lines } = await startGuarded(t);
  const first = once(server, 'refused');
  const started = Date.now();
  await intrude(server, 1000);
  const [{ remotePort, pid, command, ...told }] = await first;
  const reason = 'token-wrong';
  assert.deepEqual(told, { dbname: 'mydb_data', reason, status: 403, remote: '127.0.0.1', leftOut: 0 });
  assert.equal(typeof remotePort, 'number');
  assert.ok(pid === null || (pid === process.pid && typeof command === 'string'));
  const { body } = await request(server, 'GET /metrics?t=secret');
  assert.match(body, /^acebase_ipc_refusals_total\{reason="token-wrong"\} 1000$/m);
  assert.ok(Date.now() - started < INTERVAL, 'the machine is too slow for this test');

  await once(server, 'refused', { signal: AbortSignal.timeout(INTERVAL + SLACK) });
  assert.ok(Date.now() - started >= INTERVAL);
  assert.deepEqual([refused.length, total(refused)], [2, 1000]);
  assert.deepEqual(
    lines.map(({ message }) => message.replace(/ at 127.0.0.1:\d+(, process .*\))? was/, ' was')),
    [
      'A client was refused for mydb_data: its token is wrong (token-wrong, 403)',
      'A client was refused for mydb_data: its token is wrong (token-wrong, 403), and 998 more like it',
    ],
  );
  assert.deepEqual(lines[1].details, { event: 'refused', ...refused[1] });
});

test('what was held back is told when the server stops', async (t) => {
  const { server, refused } = await startGuarded(t);
  await intrude(server, 20);
  await server.stop();
  assert.deepEqual([refused.length, total(refused)], [2, 20]);
});

test('refusals of two reasons, or of two addresses, do not hide each other', async (t) => {
  const { server, refused } = await startGuarded(t, { trustedProxies: ['127.0.0.1'] });
  await intrude(server, 3, (number) => ({ 'x-forwarded-for': `203.0.113.${number % 2}` }));
  assert.equal((await refusal(server, 'tiny')).status, 500);
  await sleep(MOMENT);
  const told = refused.map(({ reason, remote }) => `${reason} ${remote}`);
  assert.deepEqual(told.sort(), ['id 127.0.0.1', 'token-wrong 203.0.113.0', 'token-wrong 203.0.113.1']);
});

test('any number of addresses makes a bounded number of lines', async (t) => {
  const { server, refused, lines } = await startGuarded(t, { trustedProxies: ['127.0.0.1'] });
  await intrude(server, 600, (number) => ({ 'x-forwarded-for': `10.${number >> 8}.${number & 255}.1` }));
  await sleep(MOMENT);
  assert.equal(refused.length, 257, 'those of 256 addresses, and one of all others');
  await server.stop();
  assert.equal(total(refused), 600);
  assert.equal(lines.length, refused.length);
});

test('who is refused is named as a trusted proxy names it, and nobody else is believed', async (t) => {
  const headers = { 'x-forwarded-for': '198.51.100.1, 203.0.113.9' };
  for (const [trustedProxies, remote] of [
    [[], '127.0.0.1'],
    [['10.0.0.0/8'], '127.0.0.1'],
    [['127.0.0.0/8'], '203.0.113.9'],
    [['127.0.0.1', '203.0.113.9'], '198.51.100.1'],
  ]) {
    const { server, refused } = await startGuarded(t, { trustedProxies });
    await intrude(server, 1, () => headers);
    await sleep(MOMENT);
    assert.deepEqual(
      refused.map((one) => one.remote),
      [remote],
    );
  }
});

test('an IPv4 address is written as one, also where both kinds come to the same port', async (t) => {
  const { server, refused } = await startGuarded(t, { host: undefined });
  await intrude(server, 1);
  await sleep(MOMENT);
  assert.equal(refused[0].remote, '127.0.0.1');
});

test('of an overlong name of a database the beginning is told', async (t) => {
  const { server, refused, lines } = await startGuarded(t);
  await refusal(server, 'peer-1', { token: 'wrong', db: 'd'.repeat(512) });
  await sleep(MOMENT);
  assert.equal(refused[0].dbname, `${'d'.repeat(64)}…`);
  assert.ok(lines[0].message.length < 250);
});

test('warnings that strangers cause name them, too', { skip: noOpenssl }, async (t) => {
  const server = await startServer(t, { ssl: pem() });
  const warnings = [];
  server.on('warning', (warning) => warnings.push(warning));
  for (let count = 0; count < 3; count += 1) {
    const connection = await rawConnect({ port: server.port });
    connection.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await connection.closed();
  }
  await sleep(MOMENT);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0].message, /^Plain HTTP was sent to the TLS port by 127\.0\.0\.1:\d+\. /);
  await server.stop();
  assert.match(warnings[1].message, /\(and 1 more like it since the last warning\)$/);
});
