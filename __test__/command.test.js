'use strict';

// The command `acebase-ipc-server`, as a process.

const assert = require('node:assert/strict');
const { once } = require('node:events');
const { readFileSync, writeFileSync } = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { test } = require('node:test');

const { pem } = require('./support/certificates.js');
const { makeFolder } = require('./support/folder.js');
const { join } = require('./support/peer.js');
const { noOpenssl, noSignals } = require('./support/platform.js');
const { COMMAND, ROOT, start } = require('./support/process.js');

/** A clean environment: variables of the machine that runs the tests must not be taken for options. */
const ENVIRONMENT = { PATH: process.env.PATH };

/** Starts the command. By default no process is left to keep the port. */
function command(t, args, { env, ...options } = {}) {
  const all = ['keep_port=0', ...args];
  return start(t, process.execPath, [COMMAND, ...all], { env: { ...ENVIRONMENT, ...env }, ...options });
}

async function running(server) {
  const [, port] = await server.printed(/running on port (\d+)/);
  return { port: Number(port) };
}

test('it runs with arguments, and a client with the token gets in', async (t) => {
  const server = command(t, ['PORT=0', 'token=secret', 'max_payload=1000']);
  const peer = await join(await running(server), 'peer-1', { token: 'secret' });
  peer.send('ping');
  assert.equal(await peer.next(), 'pong');
});

test('it listens on localhost, and takes its variables from the environment', { skip: noOpenssl }, async (t) => {
  const { keyPath: KEY_PATH, certPath: CERT_PATH } = pem();
  const server = command(t, [], { env: { PORT: '0', SSL: '1', KEY_PATH, CERT_PATH } });
  const { port } = await running(server);
  await join({ port, isTls: true }, 'peer-1');
  for (const host of ['127.0.0.1', '::1']) {
    const socket = net.connect(port, host);
    await once(socket, 'connect').catch((error) => assert.fail(error));
    // The server ends with the test, and its end would be an error of the socket.
    socket.destroy();
  }
});

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  test(`${signal} stops it gracefully within two seconds`, { skip: noSignals }, async (t) => {
    const server = command(t, ['port=0']);
    const peers = [await join(await running(server), 'peer-1'), await join(await running(server), 'peer-2')];
    const began = Date.now();
    server.child.kill(signal);
    assert.deepEqual(
      (await Promise.all(peers.map((peer) => peer.closed))).map(({ code }) => code),
      [1001, 1001],
    );
    const { code, signal: killedBy, stderr } = await server.ended;
    assert.deepEqual({ code, killedBy, stderr }, { code: 0, killedBy: null, stderr: '' });
    assert.ok(Date.now() - began < 2000);
  });
}

test("a process manager's message stops it gracefully, and others do not", async (t) => {
  const server = command(t, ['port=0'], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const peer = await join(await running(server), 'peer-1');
  for (const other of ['stop', { type: 'shutdown' }, 'ready']) {
    server.child.send(other);
  }
  peer.send('ping');
  assert.equal(await peer.next(), 'pong');
  server.child.send('shutdown');
  assert.equal((await peer.closed).code, 1001);
  const { code, signal, stderr } = await server.ended;
  assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
});

test('a client that does not react cannot hold it up', { skip: noSignals }, async (t) => {
  const server = command(t, ['port=0']);
  const deaf = await join(await running(server), 'peer-1');
  deaf.socket._socket.pause();
  const began = Date.now();
  server.child.kill('SIGTERM');
  await server.ended;
  assert.ok(Date.now() - began < 2000);
  deaf.socket.terminate();
});

test('a mistake is one clear line, and exit code 1', async (t) => {
  const blocker = net.createServer().listen(0, '127.0.0.1');
  await once(blocker, 'listening');
  t.after(() => blocker.close());
  const { port } = blocker.address();
  for (const [args, complaint] of [
    [['port=http'], 'argument PORT must be a whole number from 0 to 65535, but is "http"'],
    [['prot=1'], 'unknown argument "prot=…": did you mean PORT=…?'],
    [['SSL=1'], 'option "ssl.certPath" is missing: ssl needs certPath and keyPath, or pfxPath'],
    [['SSL=1', 'PFX_PATH=/no/such.pfx', 'port=0'], /ssl\.pfxPath.*\/no\/such\.pfx/],
    [[`port=${port}`, 'host=127.0.0.1'], /cannot listen on 127\.0\.0\.1:\d+: .*Another process uses this port/],
  ]) {
    const { code, stdout, stderr } = await command(t, args).ended;
    assert.deepEqual({ code, stdout }, { code: 1, stdout: '' });
    assert.match(stderr, /^acebase-ipc-server: [^\n]+\n$/);
    assert[typeof complaint === 'string' ? 'equal' : 'match'](
      stderr.slice('acebase-ipc-server: '.length, -1),
      complaint,
    );
  }
});

test('what is odd is remarked on, and it runs', { skip: noSignals }, async (t) => {
  const server = command(t, ['port=0', 'key_path=k', 'master_timeout=60']);
  await running(server);
  server.child.kill('SIGTERM');
  const { stderr } = await server.ended;
  assert.match(stderr, /warning: KEY_PATH is ignored without SSL=1/);
  assert.match(stderr, /warning: option "masterTimeout" is in milliseconds: 60 is 0\.06 s/);
});

/** A configuration file. */
function configFile(t, text) {
  const file = path.join(makeFolder(t, 'command'), 'file.json');
  writeFileSync(file, text);
  return file;
}

test('it runs with a configuration file, over which its arguments win', { skip: noOpenssl || noSignals }, async (t) => {
  const file = configFile(t, JSON.stringify({ port: 1, ssl: pem(), logFormat: 'json', prot: 2 }));
  const server = command(t, ['--config', file, 'port=0']);
  const { port } = await running(server);
  const peer = await join({ port, isTls: true }, 'peer-1');
  await server.printed(/peer-1 has joined/);
  server.child.kill('SIGTERM');
  await peer.closed;
  const { stdout, stderr } = await server.ended;
  const levels = [stdout, stderr].map((text) =>
    text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).level),
  );
  assert.deepEqual(new Set(levels[0]), new Set(['info']));
  assert.deepEqual(levels[1], ['warn']);
  assert.match(stderr, /option \\"prot\\" is not known and was ignored: did you mean \\"port\\"\?/);
});

test('a mistake in a configuration file is one line that names the file', async (t) => {
  const file = configFile(t, '{ "ssl": { "certPath": 1 } }');
  const { code, stderr: complaint } = await command(t, ['--config', file]).ended;
  assert.equal(code, 1);
  assert.equal(
    complaint,
    `acebase-ipc-server: ${file}: ssl.certPath: must be a non-empty string, but is a number (1)\n`,
  );
});

test('--help and --version are answered, and nothing runs', async (t) => {
  const help = await command(t, ['--help']).ended;
  assert.equal(help.code, 0);
  assert.match(help.stdout, /^Usage: acebase-ipc-server/);
  const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  assert.equal((await command(t, ['--version']).ended).stdout, `${version}\n`);
});

test('it tells the process that forked it when it is ready, as pm2 expects', { skip: noSignals }, async (t) => {
  const server = command(t, ['port=0'], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const [message] = await once(server.child, 'message');
  assert.equal(message, 'ready');
  await running(server);
  server.child.kill('SIGINT');
  assert.equal((await server.ended).code, 0);
});
