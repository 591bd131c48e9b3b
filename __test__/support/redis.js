'use strict';

// A real Redis, and Sentinels that watch it, each a process of its own that can be killed. Only where they are
// installed. Nothing is written to disk: one that is killed has forgotten all.

const { once } = require('node:events');
const { writeFileSync } = require('node:fs');
const { connect } = require('node:net');
const path = require('node:path');

const { deferFolder } = require('../cluster/support/scope.js');
const { findCommand, startForeign } = require('./foreign.js');
const { freePort } = require('./port.js');

const command = findCommand('redis-server', ['--version']);

/** Why tests with Redis cannot run here; `false` if they can. */
const noRedis = !command && 'no redis-server was found (apt-get install redis-server)';

/** What Sentinels call the Redis that they watch. */
const WATCHED = 'acebase';

/** After how long a silent Redis is down to a Sentinel, and how long a failover may take, in milliseconds. */
const DOWN_AFTER = 1000;
const FAILOVER_LIMIT = 3000;

/** How it, or a Sentinel, is told to listen, and to speak to others of its kind: with TLS or without. */
function listening(port, ssl) {
  if (!ssl) {
    return [['port', port]];
  }
  return [
    ['port', 0],
    ['tls-port', port],
    ['tls-cert-file', ssl.certPath],
    ['tls-key-file', ssl.keyPath],
    ['tls-ca-cert-file', ssl.authority],
    ['tls-auth-clients', 'no'],
    ['tls-replication', 'yes'],
  ];
}

/** Settings as arguments of the command. */
function toArguments(settings) {
  return settings.flatMap(([name, value]) => [`--${name}`, String(value)]);
}

class Redis {
  #t;
  #settings;
  #server;

  constructor(t, settings) {
    this.#t = t;
    this.#settings = settings;
    this.port = settings.port;
  }

  get url() {
    const scheme = this.#settings.ssl ? 'rediss' : 'redis';
    return `${scheme}://${this.#settings.host}:${this.port}`;
  }

  /** Starts it, also again after `kill`. */
  async start() {
    const { host, port, folder, primary, launcher, env, ssl } = this.#settings;
    const args = [
      ...toArguments(listening(port, ssl)),
      '--bind',
      host,
      '--dir',
      folder,
      '--save',
      '',
      '--appendonly',
      'no',
    ];
    // Else it takes nobody without a password who is not on the loopback interface.
    args.push('--protected-mode', 'no');
    if (primary) {
      args.push('--replicaof', host, String(primary.port));
    }
    this.#server = await startForeign(this.#t, [command, ...args], { cwd: folder, host, port, launcher, env });
  }

  kill() {
    return this.#server.kill();
  }

  /** What time it is for it, in milliseconds since 1970. */
  async time() {
    const { host, port } = this.#settings;
    const socket = connect(port, host);
    socket.write('TIME\r\n');
    const [answer] = await once(socket, 'data');
    socket.destroy();
    const [, seconds] = String(answer).match(/^\*2\r\n\$\d+\r\n(\d+)\r\n/);
    return Number(seconds) * 1000;
  }

  /** SIGSTOP: it takes connections, and answers nothing. */
  pause() {
    this.#server.signal('SIGSTOP');
  }

  resume() {
    this.#server.signal('SIGCONT');
  }
}

/**
 * @param {import('node:test').TestContext} t It ends with this test.
 * @param {object} [settings]
 * @param {string} [settings.host]
 * @param {number} [settings.port] Any free one if absent.
 * @param {Redis} [settings.primary] Whose replica it is.
 * @param {string[]} [settings.launcher]
 * @param {Record<string, string>} [settings.env]
 * @param {object} [settings.ssl] Its certificate, key and authority; then it speaks TLS only.
 */
async function startRedis(t, { host = '127.0.0.1', ...settings } = {}) {
  const port = settings.port ?? (await freePort());
  const redis = new Redis(t, { ...settings, host, port, folder: deferFolder(t, 'redis') });
  await redis.start();
  return redis;
}

/**
 * Starts a Redis, a replica of it, and three Sentinels that watch both.
 * @param {import('node:test').TestContext} t
 * @param {{ ssl?: object }} [settings] `ssl`: all of them speak TLS only.
 * @returns {Promise<{ url: string, primary: Redis, replica: Redis }>}
 */
async function startWatchedRedis(t, { ssl } = {}) {
  const primary = await startRedis(t, { ssl });
  const replica = await startRedis(t, { primary, ssl });
  const ports = await Promise.all([freePort(), freePort(), freePort()]);
  for (const port of ports) {
    await startSentinel(t, port, primary, ssl);
  }
  const scheme = ssl ? 'rediss+sentinel' : 'redis+sentinel';
  return { url: `${scheme}://${ports.map((port) => `127.0.0.1:${port}`).join(',')}/${WATCHED}`, primary, replica };
}

function startSentinel(t, port, primary, ssl) {
  const folder = deferFolder(t, 'sentinel');
  const file = path.join(folder, 'sentinel.conf');
  const lines = [
    ...listening(port, ssl).map(([name, value]) => `${name} ${value}`),
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor ${WATCHED} 127.0.0.1 ${primary.port} 2`,
    `sentinel down-after-milliseconds ${WATCHED} ${DOWN_AFTER}`,
    `sentinel failover-timeout ${WATCHED} ${FAILOVER_LIMIT}`,
  ];
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
  return startForeign(t, [command, file, '--sentinel'], { cwd: folder, port });
}

module.exports = { noRedis, startRedis, startWatchedRedis };
