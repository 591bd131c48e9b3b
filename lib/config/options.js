'use strict';

// The one table of options: what each is called, what it must be, what it is when absent, and what it is for.
// Validation, the command line and its help read it; `npm run document-options` writes the README's table and the type
// declarations from it; a test holds the addon's names and defaults against it.

const {
  bytes,
  choice,
  flag,
  integer,
  list,
  listsByName,
  milliseconds,
  networks,
  pattern,
  text,
  withMethods,
} = require('./kinds.js');

const KIB = 1024;
const MIB = 1024 * KIB;

/**
 * @typedef {object} Option
 * @property {string} name Its name in the configuration object.
 * @property {import('./kinds.js').Kind} kind What its value must be.
 * @property {unknown} [default] What it is when absent. `undefined`: no value, or one that `absent` describes.
 * @property {string} [absent] What an absent value means, where that is no plain value.
 * @property {unknown} [commandLineDefault] What it is on the command line when absent, where that differs.
 * @property {string} [variable] Its name on the command line, where that is not the usual one.
 * @property {boolean} [isCodeOnly] It cannot be written on the command line or in a configuration file.
 * @property {boolean} [isRequired] The object that it belongs to must have it.
 * @property {boolean} [secret] Its value must never be shown.
 * @property {string} help One sentence on what it is for.
 */

/** @type {Option[]} */
const OPTIONS = [
  {
    name: 'host',
    kind: text(),
    absent: 'all interfaces, IPv4 and IPv6',
    commandLineDefault: 'localhost',
    help: "The name or address to listen on; 'localhost' is both loopback addresses.",
  },
  {
    name: 'port',
    kind: integer(0, 65_535),
    default: 9163,
    help: 'The TCP port to listen on; 0 is any free one.',
  },
  {
    name: 'token',
    kind: text(),
    absent: 'no token is asked for',
    secret: true,
    help: 'The secret that clients must send.',
  },
  {
    name: 'tokens',
    kind: list(1),
    absent: 'no others',
    secret: true,
    help: 'More tokens that are as good as `token`: a token can be replaced while clients know the old one.',
  },
  {
    name: 'databaseTokens',
    kind: listsByName(),
    absent: 'no database has tokens of its own',
    secret: true,
    help: 'Tokens of single databases, by name (mydb_data): such a database takes only these, and with an empty list nobody.',
  },
  {
    name: 'unlistedDatabases',
    kind: choice('refuse', 'allow'),
    absent: '`refuse` where `databaseTokens` is given without `token` and `tokens`, else `allow`',
    help: 'What becomes of databases that databaseTokens does not name: refused to everybody, or as if it were absent.',
  },
  {
    name: 'maxPayload',
    kind: bytes(1),
    absent:
      '16384; with `ssl`, behind a proxy that ends TLS, and where a name or token cannot be in a POST, `maxMessageSize`',
    help: 'The longest text, in UTF-16 units, that a client sends in one WebSocket frame; it sends longer ones over HTTP.',
  },
  {
    name: 'maxMessageSize',
    kind: bytes(KIB),
    default: 100 * MIB,
    help: 'The longest message that is taken at all, over HTTP.',
  },
  {
    name: 'largeMessages',
    kind: choice('push', 'download'),
    default: 'push',
    help: "How messages longer than maxPayload reach their receivers: whole over the socket, or fetched after a 'get:', which the published clients cannot.",
  },
  {
    name: 'allowedOrigins',
    kind: list(),
    default: [],
    help: 'The origins of web pages that may connect; all others are refused.',
  },
  {
    name: 'trustedProxies',
    kind: networks(),
    default: [],
    help: 'Addresses and networks (10.0.0.0/8) of proxies in front of the server: what they say of where a request comes from (X-Forwarded-For, Forwarded) is believed.',
  },
  {
    name: 'introductions',
    kind: flag(),
    default: true,
    help: 'Introduce AceBase peers to each other when they join, so that every subscription is known to every process.',
  },
  {
    name: 'resumeWindow',
    kind: milliseconds(),
    default: 5000,
    help: 'How long the session of a lost connection is kept for its client to come back; 0 is not at all.',
  },
  {
    name: 'masterTimeout',
    kind: milliseconds(),
    default: 60_000,
    help: 'How long a request waits for an absent master before it is answered with an error; 0 is no holding of requests.',
  },
  {
    name: 'masterWarmUp',
    kind: milliseconds(),
    default: 1000,
    help: 'How long a new master gets no requests for space, keys or indexes: it connects before it has read its tables.',
  },
  {
    name: 'lockTable',
    kind: flag(),
    default: true,
    help: 'Follow who holds and who waits for which lock. Without it no lock of a dead process is released.',
  },
  {
    name: 'passLocksFor',
    kind: milliseconds(),
    default: 100,
    help: 'How long a write lock is passed on from worker to worker before the master has it back, and its own writes their turn; 0 is not at all.',
  },
  {
    name: 'gatherNotifications',
    kind: milliseconds(),
    default: 5,
    help: 'How long notifications of what was written, and answers that nobody waits for, wait for others like them, unless there is something else for their receiver; 0 is not at all.',
  },
  {
    name: 'releaseLocksAfter',
    kind: milliseconds(),
    default: 10_000,
    help: 'How long after its death the locks of a process are released; 0 is never.',
  },
  {
    name: 'maxRequests',
    kind: integer(1, 10_000_000),
    default: 1_000_000,
    help: 'How many unanswered requests and locks one database may have; one client at most as many as are still free.',
  },
  {
    name: 'maxRequestBytes',
    kind: bytes(KIB),
    default: 256 * MIB,
    help: 'How many bytes the unanswered requests and locks of one database may take; one client at most as many as are still free.',
  },
  {
    name: 'keepPort',
    kind: flag(),
    default: false,
    commandLineDefault: true,
    help: 'Keep the port open while the server restarts, also after a crash, so that clients wait instead of being refused; after an orderly end the next server goes on with their connections. Linux and macOS only.',
  },
  {
    name: 'surviveCrash',
    kind: flag(),
    default: false,
    help: 'Let the next server go on with the connections also after a crash or a SIGKILL, at the cost of 4 to 13 % of the throughput, and up to half of it for streams of messages of some kilobytes. Needs `keepPort`, Linux, and no TLS.',
  },
  {
    name: 'maxConnections',
    kind: integer(1, 10_000_000),
    default: 60_000,
    help: 'How many connections are open at one time.',
  },
  {
    name: 'maxQueue',
    kind: bytes(KIB),
    default: 128 * MIB,
    help: 'How many bytes may wait for one peer; a peer that reads too slowly is disconnected there.',
  },
  {
    name: 'maxUnfinished',
    kind: bytes(2 * MIB),
    default: 512 * MIB,
    help: 'How many bytes all clients together may have begun and not finished; what comes beyond waits, and is refused only after a while.',
  },
  {
    name: 'maxHeaderSize',
    kind: bytes(8 * KIB, 16 * MIB),
    default: 16 * KIB,
    help: 'The longest head of an HTTP request, with all its headers.',
  },
  {
    name: 'handshakeTimeout',
    kind: milliseconds(1),
    default: 10_000,
    help: 'How long a new connection may take for its TLS handshake and for the head of its first request.',
  },
  {
    name: 'flushTimeout',
    kind: milliseconds(),
    default: 1000,
    help: 'How long stop() waits for messages to reach their receivers.',
  },
  {
    name: 'drainTimeout',
    kind: milliseconds(),
    default: 2000,
    help: 'How long a stop that closes connections waits at most until processes have returned their locks and the master has answered.',
  },
  {
    name: 'keepAlive',
    kind: milliseconds(),
    default: 15_000,
    help: 'How long a connection is silent before TCP asks the other host for a sign of life; 0 is never.',
  },
  {
    name: 'userTimeout',
    kind: milliseconds(),
    default: 30_000,
    help: 'How long sent data may stay unacknowledged, or unread by a client that stands still, before its connection is given up; 0 is up to the system. In whole seconds on macOS and Windows; on Windows a client that stands still is not given up.',
  },
  {
    name: 'noDelay',
    kind: flag(),
    default: true,
    help: 'Send each message at once (TCP_NODELAY).',
  },
  {
    name: 'threads',
    kind: integer(1, 256),
    default: 1,
    help: 'How many threads serve the connections.',
  },
  {
    name: 'slowLock',
    kind: milliseconds(),
    default: 5000,
    help: 'How long a lock that others wait for may be held, or one be waited for, until that is trouble, and logged; 0 is for ever.',
  },
  {
    name: 'slowMaster',
    kind: milliseconds(),
    default: 5000,
    help: 'How long a master that has requests may give no sign of life until that is trouble; 0 is for ever.',
  },
  {
    name: 'slowClient',
    kind: milliseconds(),
    default: 5000,
    help: 'How long messages may wait for a client until that is trouble; 0 is for ever.',
  },
  {
    name: 'dashboard',
    kind: flag(),
    default: true,
    help: 'Serve the live page at `/`. Its figures, `/status.json`, are served anyway.',
  },
  {
    name: 'logLevel',
    kind: choice('silent', 'error', 'warn', 'info', 'debug'),
    absent: '`info` where `logger` or `logFormat` is given, else no log',
    commandLineDefault: 'info',
    help: 'What is worth a line in the log; errors and warnings go to standard error, the rest to standard output.',
  },
  {
    name: 'logFormat',
    kind: choice('text', 'json'),
    absent: '`text`',
    help: 'Whether the lines of the log are for people, or JSON objects.',
  },
  {
    name: 'logger',
    kind: withMethods('AceBaseIPCLogger', 'debug', 'info', 'warn', 'error'),
    absent: 'standard output and standard error',
    isCodeOnly: true,
    help: 'Takes the lines of the log instead: each method gets a text, and an object with its parts.',
  },
];

/** What `ssl` holds: `certPath` and `keyPath`, or `pfxPath`. @type {Option[]} */
const SSL_OPTIONS = [
  { name: 'certPath', kind: text(), help: 'The PEM file with the certificate and its chain.' },
  { name: 'keyPath', kind: text(), help: "The PEM file with the certificate's private key." },
  {
    name: 'pfxPath',
    kind: text(),
    help: 'The PKCS#12 file with the certificate and its private key; instead of certPath and keyPath.',
  },
  {
    name: 'passphrase',
    // An empty passphrase is one: PKCS#12 files may have it.
    kind: {
      ...text(),
      schema: { type: 'string' },
      expected: 'a string',
      accepts: (value) => typeof value === 'string',
    },
    secret: true,
    help: 'What the private key or the PKCS#12 file is encrypted with.',
  },
  { name: 'caPath', kind: text(), help: 'The PEM file with the authorities whose client certificates are accepted.' },
  {
    name: 'requestCert',
    kind: flag(),
    default: false,
    help: 'Ask each client for a certificate of caPath, and refuse those without.',
  },
];

/** What else the configuration object takes. */
const SSL = {
  name: 'ssl',
  kind: { type: 'AceBaseIPCServerSslConfig' },
  absent: 'plain TCP',
  help: 'The certificate to serve TLS with: `{ certPath, keyPath }` or `{ pfxPath }`, with `passphrase` where encrypted; `caPath` and `requestCert` ask clients for theirs.',
};

/** The longest name of a hub, and the shortest secret, in characters. */
const MAX_NAME = 200;
const MIN_SECRET = 16;

/** What `cluster` holds. @type {Option[]} */
const CLUSTER_OPTIONS = [
  {
    name: 'engine',
    kind: pattern(
      /^rediss?(\+sentinel)?:\/\/[^/?\s]+(\/[^?\s]*)?(\?cluster=[\w-]+)?$/,
      "'redis://host:6379', 'redis+sentinel://host:26379,host:26379/master', or either with rediss, over TLS",
    ),
    variable: 'CLUSTER',
    isRequired: true,
    // It may have a password.
    secret: true,
    help: 'The Redis that says which hub has which database.',
  },
  {
    name: 'advertise',
    kind: pattern(/^([\w.-]+|\[[\da-fA-F:.]+\]):\d{1,5}$/, "'host:port'"),
    isRequired: true,
    help: 'Where the other hubs reach this one.',
  },
  {
    name: 'secret',
    kind: pattern(new RegExp(`^.{${MIN_SECRET},}$`, 's'), `a string of ${MIN_SECRET} or more characters`),
    isRequired: true,
    secret: true,
    help: 'What all hubs of the cluster know, and nobody else.',
  },
  {
    name: 'name',
    kind: pattern(
      new RegExp(`^[\\w.:@[\\]-]{1,${MAX_NAME}}$`),
      `up to ${MAX_NAME} letters, digits and characters of . : @ _ -`,
    ),
    absent: '`advertise`',
    help: 'What this hub is called: no two hubs of a cluster have the same name, and it keeps its name when it restarts.',
  },
  {
    name: 'leaseTime',
    kind: milliseconds(300),
    default: 3000,
    help: 'After how long another hub may have the databases of one that is gone; at least three times `renewEvery`.',
  },
  {
    name: 'renewEvery',
    kind: milliseconds(100),
    default: 1000,
    help: 'How often a hub says that it is still there.',
  },
];

/** Several hubs for one cluster. */
const CLUSTER = {
  name: 'cluster',
  kind: { type: 'AceBaseIPCServerClusterConfig' },
  absent: 'this is the only hub',
  help: 'Makes this one of several hubs: `{ engine, advertise, secret }`, with `name`, `leaseTime` and `renewEvery` where wanted.',
};

/** The options that are objects of options, and what these hold. */
const GROUPS = [
  { group: SSL, options: SSL_OPTIONS, expected: 'an object with certPath and keyPath, or pfxPath' },
  { group: CLUSTER, options: CLUSTER_OPTIONS, expected: 'an object with engine, advertise and secret' },
];

/** The options that are not the addon's: the log is JavaScript's. */
const LOG_OPTIONS = ['logLevel', 'logFormat', 'logger'];

module.exports = { CLUSTER, CLUSTER_OPTIONS, GROUPS, LOG_OPTIONS, OPTIONS, SSL, SSL_OPTIONS };
