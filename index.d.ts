/// <reference types="node" />

import { EventEmitter } from 'node:events';

/** Whether clients must have certificates. The published AceBase clients cannot present one. */
export interface AceBaseIPCServerClientCertConfig {
  /** The PEM file with the authorities whose client certificates are accepted. */
  caPath?: string;
  /** Ask each client for a certificate of caPath, and refuse those without. Default: `false`. */
  requestCert?: boolean;
}

/** The certificate that a server serves TLS with, as PEM files. */
export interface AceBaseIPCServerPemConfig extends AceBaseIPCServerClientCertConfig {
  /** The PEM file with the certificate and its chain. */
  certPath: string;
  /** The PEM file with the certificate's private key. */
  keyPath: string;
  pfxPath?: undefined;
  /** What the private key or the PKCS#12 file is encrypted with. */
  passphrase?: string;
}

/** The certificate that a server serves TLS with, as one PKCS#12 file. */
export interface AceBaseIPCServerPfxConfig extends AceBaseIPCServerClientCertConfig {
  /** The PKCS#12 file with the certificate and its private key; instead of certPath and keyPath. */
  pfxPath: string;
  certPath?: undefined;
  keyPath?: undefined;
  /** What the private key or the PKCS#12 file is encrypted with. */
  passphrase?: string;
}

/** The certificate that a server serves TLS with. */
export type AceBaseIPCServerSslConfig = AceBaseIPCServerPemConfig | AceBaseIPCServerPfxConfig;

/** What makes a server one of several hubs of a cluster. */
export interface AceBaseIPCServerClusterConfig {
  /** The Redis that says which hub has which database. */
  engine: string;
  /** Where the other hubs reach this one. */
  advertise: string;
  /** What all hubs of the cluster know, and nobody else. */
  secret: string;
  /**
   * What this hub is called: no two hubs of a cluster have the same name, and it keeps its name when it restarts.
   * Default: `advertise`.
   */
  name?: string;
  /**
   * After how long another hub may have the databases of one that is gone; at least three times `renewEvery`. Default:
   * `3000`.
   */
  leaseTime?: number;
  /** How often a hub says that it is still there. Default: `1000`. */
  renewEvery?: number;
}

/** Takes the lines of a log: `console`, and the loggers of most libraries, are such objects. */
export interface AceBaseIPCLogger {
  /** `details`: the parts of the message, for programs. */
  debug(message: string, details: object): void;
  info(message: string, details: object): void;
  warn(message: string, details: object): void;
  error(message: string, details: object): void;
}

/** All durations are in milliseconds, all sizes in bytes. */
export interface AceBaseIPCServerConfig {
  /**
   * The name or address to listen on; 'localhost' is both loopback addresses. Default: all interfaces, IPv4 and IPv6.
   */
  host?: string;
  /** The TCP port to listen on; 0 is any free one. Default: `9163`. */
  port?: number;
  /**
   * The certificate to serve TLS with: `{ certPath, keyPath }` or `{ pfxPath }`, with `passphrase` where encrypted;
   * `caPath` and `requestCert` ask clients for theirs. Default: plain TCP.
   */
  ssl?: AceBaseIPCServerSslConfig;
  /** The secret that clients must send. Default: no token is asked for. */
  token?: string;
  /**
   * More tokens that are as good as `token`: a token can be replaced while clients know the old one. Default: no
   * others.
   */
  tokens?: string[];
  /**
   * Tokens of single databases, by name (mydb_data): such a database takes only these, and with an empty list nobody.
   * Default: no database has tokens of its own.
   */
  databaseTokens?: Record<string, string[]>;
  /**
   * What becomes of databases that databaseTokens does not name: refused to everybody, or as if it were absent.
   * Default: `refuse` where `databaseTokens` is given without `token` and `tokens`, else `allow`.
   */
  unlistedDatabases?: 'refuse' | 'allow';
  /**
   * The longest text, in UTF-16 units, that a client sends in one WebSocket frame; it sends longer ones over HTTP.
   * Default: 16384; with `ssl`, behind a proxy that ends TLS, and where a name or token cannot be in a POST,
   * `maxMessageSize`.
   */
  maxPayload?: number;
  /** The longest message that is taken at all, over HTTP. Default: `104857600`. */
  maxMessageSize?: number;
  /**
   * How messages longer than maxPayload reach their receivers: whole over the socket, or fetched after a 'get:', which
   * the published clients cannot. Default: `push`.
   */
  largeMessages?: 'push' | 'download';
  /** The origins of web pages that may connect; all others are refused. Default: none. */
  allowedOrigins?: string[];
  /**
   * Addresses and networks (10.0.0.0/8) of proxies in front of the server: what they say of where a request comes from
   * (X-Forwarded-For, Forwarded) is believed. Default: none.
   */
  trustedProxies?: string[];
  /**
   * Introduce AceBase peers to each other when they join, so that every subscription is known to every process.
   * Default: `true`.
   */
  introductions?: boolean;
  /**
   * How long the session of a lost connection is kept for its client to come back; 0 is not at all. Default: `5000`.
   */
  resumeWindow?: number;
  /**
   * How long a request waits for an absent master before it is answered with an error; 0 is no holding of requests.
   * Default: `60000`.
   */
  masterTimeout?: number;
  /**
   * How long a new master gets no requests for space, keys or indexes: it connects before it has read its tables.
   * Default: `1000`.
   */
  masterWarmUp?: number;
  /**
   * Follow who holds and who waits for which lock. Without it no lock of a dead process is released. Default: `true`.
   */
  lockTable?: boolean;
  /**
   * How long a write lock is passed on from worker to worker before the master has it back, and its own writes their
   * turn; 0 is not at all. Default: `100`.
   */
  passLocksFor?: number;
  /**
   * How long notifications of what was written, and answers that nobody waits for, wait for others like them, unless
   * there is something else for their receiver; 0 is not at all. Default: `5`.
   */
  gatherNotifications?: number;
  /** How long after its death the locks of a process are released; 0 is never. Default: `10000`. */
  releaseLocksAfter?: number;
  /**
   * How many unanswered requests and locks one database may have; one client at most as many as are still free.
   * Default: `1000000`.
   */
  maxRequests?: number;
  /**
   * How many bytes the unanswered requests and locks of one database may take; one client at most as many as are still
   * free. Default: `268435456`.
   */
  maxRequestBytes?: number;
  /**
   * Keep the port open while the server restarts, also after a crash, so that clients wait instead of being refused;
   * after an orderly end the next server goes on with their connections. Linux and macOS only. Default: `false`.
   */
  keepPort?: boolean;
  /**
   * Let the next server go on with the connections also after a crash or a SIGKILL, at the cost of 4 to 13 % of the
   * throughput, and up to half of it for streams of messages of some kilobytes. Needs `keepPort`, Linux, and no TLS.
   * Default: `false`.
   */
  surviveCrash?: boolean;
  /**
   * Makes this one of several hubs: `{ engine, advertise, secret }`, with `name`, `leaseTime` and `renewEvery` where
   * wanted. Default: this is the only hub.
   */
  cluster?: AceBaseIPCServerClusterConfig;
  /** How many connections are open at one time. Default: `60000`. */
  maxConnections?: number;
  /** How many bytes may wait for one peer; a peer that reads too slowly is disconnected there. Default: `134217728`. */
  maxQueue?: number;
  /**
   * How many bytes all clients together may have begun and not finished; what comes beyond waits, and is refused only
   * after a while. Default: `536870912`.
   */
  maxUnfinished?: number;
  /** The longest head of an HTTP request, with all its headers. Default: `16384`. */
  maxHeaderSize?: number;
  /**
   * How long a new connection may take for its TLS handshake and for the head of its first request. Default: `10000`.
   */
  handshakeTimeout?: number;
  /** How long stop() waits for messages to reach their receivers. Default: `1000`. */
  flushTimeout?: number;
  /**
   * How long a stop that closes connections waits at most until processes have returned their locks and the master has
   * answered. Default: `2000`.
   */
  drainTimeout?: number;
  /**
   * How long a connection is silent before TCP asks the other host for a sign of life; 0 is never. Default: `15000`.
   */
  keepAlive?: number;
  /**
   * How long sent data may stay unacknowledged, or unread by a client that stands still, before its connection is given
   * up; 0 is up to the system. In whole seconds on macOS and Windows; on Windows a client that stands still is not
   * given up. Default: `30000`.
   */
  userTimeout?: number;
  /** Send each message at once (TCP_NODELAY). Default: `true`. */
  noDelay?: boolean;
  /** How many threads serve the connections. Default: `1`. */
  threads?: number;
  /**
   * How long a lock that others wait for may be held, or one be waited for, until that is trouble, and logged; 0 is for
   * ever. Default: `5000`.
   */
  slowLock?: number;
  /**
   * How long a master that has requests may give no sign of life until that is trouble; 0 is for ever. Default: `5000`.
   */
  slowMaster?: number;
  /** How long messages may wait for a client until that is trouble; 0 is for ever. Default: `5000`. */
  slowClient?: number;
  /** Serve the live page at `/`. Its figures, `/status.json`, are served anyway. Default: `true`. */
  dashboard?: boolean;
  /**
   * What is worth a line in the log; errors and warnings go to standard error, the rest to standard output. Default:
   * `info` where `logger` or `logFormat` is given, else no log.
   */
  logLevel?: 'silent' | 'error' | 'warn' | 'info' | 'debug';
  /** Whether the lines of the log are for people, or JSON objects. Default: `text`. */
  logFormat?: 'text' | 'json';
  /**
   * Takes the lines of the log instead: each method gets a text, and an object with its parts. Default: standard output
   * and standard error.
   */
  logger?: AceBaseIPCLogger;
}

/** Names a client. */
export interface AceBaseIPCPeer {
  /** The client's id: `[master]`, or the 24 characters that a worker chose. */
  readonly id: string;
  /** The database that it uses. */
  readonly dbname: string;
}

/**
 * Why a client has left. `closed`: it closed its connection, as its process does when it ends in order; `fin`: its
 * connection ended without a word, as when its process dies; `reset`: its connection was reset; `unreachable`: its host
 * does not answer; `slow`: it did not read, and more than `maxQueue` waited for it; `violation`: it broke the protocol;
 * `kicked`: `client.close()`; `replaced`: another connection has its id; `shutdown`: the server stops; `moved`: another
 * hub of the cluster has the database.
 */
export type AceBaseIPCDisconnectReason =
  | 'closed'
  | 'fin'
  | 'reset'
  | 'unreachable'
  | 'slow'
  | 'violation'
  | 'kicked'
  | 'replaced'
  | 'shutdown'
  | 'moved';

/** Where a client is, as far as it is known. */
export interface AceBaseIPCPlace {
  /** The address that it is, or was last, connected from; the one that `trustedProxies` name, behind those. */
  readonly remote: string | null;
  /** The port there; `null` where proxies have not named it. */
  readonly remotePort: number | null;
  /** The id of its process, where it runs on this machine and the system tells (Linux). */
  readonly pid: number | null;
  /** What that process was started with, shortened. */
  readonly command: string | null;
}

/** A client that is connected to the server. */
export interface AceBaseIPCClient extends AceBaseIPCPeer, AceBaseIPCPlace {
  /** Since when it is connected. */
  readonly connected: Date;
  /** Its connection was lost, and its session is kept for it to come back: messages to it wait. */
  readonly away: boolean;
  /**
   * Where this is one of several hubs (`cluster`): the name of the other one on the client's way. Of a database of this
   * hub it is the one that the client has reached, of any other the one that has the database, to which this one relays
   * the client. `null`: there is none, or the client waits until somebody has the database. What is relayed is another
   * hub's client: `close()` has that hub close it, and `sendMessage()` does not reach it from here.
   */
  readonly via: string | null;
  /**
   * Sends a message to this client alone: strings as they are, all else as JSON.
   * Rejects with code `ERR_IPC_CLIENT_GONE` if the client is not connected any more.
   */
  sendMessage(message: unknown): Promise<void>;
  /**
   * Closes this client's connection; its session ends. Where another hub has the database, that hub is asked to, up to
   * three times; where it does not, the warning is `client-not-closed`.
   */
  close(): void;
}

/** One row of a database's lock table. */
export interface AceBaseIPCLock {
  /** The master's number for it; `null` while it waits. */
  id: number | null;
  /** Requested, granted by the present master, or granted by a former one and not released yet. */
  state: 'waiting' | 'held' | 'fenced';
  /** The client that holds it or waits for it. */
  peer: string;
  /** The database path, without a leading slash. */
  path: string;
  /** A write lock (else a read lock). */
  write: boolean;
  /** AceBase's transaction id: locks of one transaction never conflict. */
  tid: string;
  /** The client's own words on what it is for. */
  comment: string;
  /** How long it has been in this state, in milliseconds. */
  ageMs: number;
  /** When the master lets it expire, in milliseconds since the Unix epoch; `null` if not known. */
  expiresAt: number | null;
  /** How often it has been passed on from worker to worker since the master granted it. */
  passed: number;
  /** It counts no longer: nobody waits for it, and its transaction may not go on before it has returned it. */
  hasExpired: boolean;
  /** The locks that it waits for, the first few. The master's own are not among them: they do not pass the server. */
  waitsFor: AceBaseIPCBlocker[];
  /** How many there are of these. */
  waitsForCount: number;
}

/** A lock that another one waits for. */
export interface AceBaseIPCBlocker {
  id: number | null;
  peer: string;
  path: string;
}

/** Something that the server did for the cluster. */
export interface AceBaseIPCCoordination extends AceBaseIPCPeer {
  kind:
    | 'introduced'
    | 'session-kept'
    | 'session-resumed'
    | 'request-held'
    | 'request-replayed'
    | 'request-failed'
    | 'requests-refused'
    | 'lock-released'
    | 'release-unknown'
    | 'master-changed'
    | 'master-contested'
    | 'master-silent'
    | 'message-refused';
  /** One sentence for a person. */
  detail: string;
}

/** A message of a database or a client that is traced. */
export interface AceBaseIPCTrace {
  readonly dbname: string;
  /** The sender; `null`: the server itself. */
  from: string | null;
  /** The addressee; `null`: all others. */
  to: string | null;
  /** Length of the whole text. */
  bytes: number;
  /** It was delivered as addressed, kept or answered by the server, or sent by the server. */
  fate: 'forwarded' | 'taken' | 'posted';
  /** The beginning of the text: 200 bytes at most. */
  text: string;
}

/**
 * A client was not let in, or its message not taken. Of those with the same reason from the same address (IPv6: the
 * same /64) the first is told at once, and those that follow within ten seconds as one.
 */
export interface AceBaseIPCRefusal {
  /** The database that was asked for; of a long name the first 64 characters, and `…`. */
  readonly dbname: string;
  /**
   * Why, in one word; `token-missing`, `token-wrong`; `unlisted`: no token opens its database; `message`: what it has
   * sent with POST is too large, or cannot be read; `master`: another master of its database is connected; `own-id`:
   * its id is one of the server's own; `hub`: who says that it is another hub of the cluster does not show that it
   * knows the cluster's secret; `version`, `id`, `origin`, `host`, `stopping`.
   */
  reason: string;
  /** The HTTP status that it got. */
  status: number;
  /** The address that it came from; behind proxies of `trustedProxies`, the one that they name. */
  remote: string;
  /** The port there; `null` where proxies have not named it. */
  remotePort: number | null;
  /** How many more there were since the last one that was told. */
  leftOut: number;
}

/** Something worth knowing that needs nothing done. */
export interface AceBaseIPCNotice {
  /** What it is, for programs: `certificates-reloaded` and the like. */
  code: string;
  /** What it is, for people. */
  message: string;
}

/** Something is not as it should be, and the server goes on. */
export interface AceBaseIPCWarning {
  /** What it is, for programs: `unknown-option` and the like. */
  code: string;
  /** What it is, for people. */
  message: string;
}

/**
 * What keeps a database, or one of its clients, from its work. The live page, the command line, the log and the metrics
 * show the same.
 */
export interface AceBaseIPCTrouble {
  /** What it is. docs/operating.md tells what each means. */
  kind:
    | 'server-fault'
    | 'stopping'
    | 'no-client'
    | 'no-master'
    | 'master-silent'
    | 'lock-held'
    | 'lock-awaited'
    | 'second-master'
    | 'requests-full'
    | 'slow-client'
    | 'token-missing'
    | 'token-wrong'
    | 'unlisted'
    | 'wrong-protocol'
    | 'restarted';
  /** `error`: writes stand still. `warning`: somebody is hindered. `info`: worth knowing. */
  level: 'error' | 'warning' | 'info';
  /** `null`: it is about no single database. */
  readonly dbname: string | null;
  /** How long it has been so, in milliseconds. */
  ageMs: number;
  /** One sentence for a person: what, who, since when. */
  text: string;
  /** What to do next. */
  advice: string;
}

/** A trouble that has begun, has become worse, or is over. */
export interface AceBaseIPCTroubleEvent extends AceBaseIPCTrouble {
  /** Who it is about; `null`: nobody in particular. */
  client: ({ id: string | null } & AceBaseIPCPlace) | null;
  /** It is over; `ageMs` is how long it has taken, and `text` how it was last seen. */
  isOver: boolean;
}

/** A trouble that there is. */
export interface AceBaseIPCTroubleStatus extends AceBaseIPCTrouble {
  /** Who it is about; `null`: nobody in particular. `remote` is the address with its port. */
  client: { id: string | null; remote: string | null; pid: number | null; command: string | null } | null;
}

/** Counts of one direction. */
export interface AceBaseIPCTraffic {
  messages: number;
  bytes: number;
}

/** Durations: how many there were, of how long. */
export interface AceBaseIPCHistogram {
  count: number;
  /** All of them together, in milliseconds. */
  sumMs: number;
  /** Each bucket's upper end in milliseconds, and how many durations are in it; the last bucket has no end (`null`). */
  buckets: [end: number | null, count: number][];
}

/** What a client's part of the server is doing. */
export interface AceBaseIPCPeerStatus {
  id: string;
  /** What it is to AceBase; `plain`: it has said nothing that would tell. */
  role: 'master' | 'worker' | 'plain';
  /** Since when it is connected, in milliseconds since the Unix epoch. */
  connectedAt: number;
  /** Its connection was lost, and its session is kept for it to come back. */
  away: boolean;
  /** It gets each message exactly once: its client has the extension (docs/extension.md). */
  reliable: boolean;
  /** The address and port that it is, or was last, connected from; `null` where that is not known. */
  remote: string | null;
  /** The hub that it has reached, where that is another one of the cluster. */
  via?: string;
  /** The id of its process, where it runs on this machine and the system tells (Linux). */
  pid: number | null;
  /** What that process was started with, shortened. */
  command: string | null;
  /** How long ago it gave the last sign of life, in milliseconds: it is looked at once a second. */
  heardMs: number;
  /** The round trip that TCP has measured, in microseconds; `null` where the system does not tell. */
  rttMicros: number | null;
  /** Bytes that wait to be sent to it. */
  queuedBytes: number;
  /** What came from it. */
  received: AceBaseIPCTraffic;
  /** What was sent to it, or waits to be. */
  sent: AceBaseIPCTraffic;
}

/** What a database's part of the server is doing. */
export interface AceBaseIPCDatabaseStatus {
  name: string;
  /** A process with the `master` role is connected. */
  masterPresent: boolean;
  /** One must be: processes of AceBase are connected, or a request waits. Plain clients of the protocol need none. */
  needsMaster: boolean;
  /** Requests that wait for a master, or for a lock of a former master. */
  heldRequests: number;
  /** Requests that the master has and has not answered yet. */
  deliveredRequests: number;
  /** Bytes that both take up, with what it takes to keep them. */
  requestBytes: number;
  /** Sessions kept for clients that may be back. */
  keptSessions: number;
  /** What came from its clients, also from those that have left. */
  received: AceBaseIPCTraffic;
  /** What was sent to them. */
  sent: AceBaseIPCTraffic;
  /** How many messages were longer than `maxPayload`. */
  largeMessages: number;
  /** Bytes that wait to be sent to its clients. */
  queuedBytes: number;
  /** How many clients it has. */
  peerCount: number;
  /** The first thousand: the master, then those with most bytes waiting. `getClients()` has all. */
  peers: AceBaseIPCPeerStatus[];
  /** How many are not listed. */
  peersLeftOut: number;
  /** How many locks it has, by their state. */
  lockCount: Record<AceBaseIPCLock['state'], number>;
  /** The first thousand: the granted ones, then those that are waited for, the oldest first. `locks()` has all. */
  locks: AceBaseIPCLock[];
  /** How many are not listed. */
  locksLeftOut: number;
  /** How long locks were waited for. */
  lockWaits: AceBaseIPCHistogram;
  /** How long locks were held. */
  lockHolds: AceBaseIPCHistogram;
  /** How often a lock was passed on from worker to worker, instead of through the master. */
  lockPasses: number;
}

/** What the server as a whole is doing. */
export interface AceBaseIPCServerStatus {
  version: string;
  /** When it was started, in milliseconds since the Unix epoch. */
  startedAt: number;
  uptimeMs: number;
  /** It is about to end. */
  stopping: boolean;
  /** The time of this status, in milliseconds since the Unix epoch. */
  now: number;
}

/** What one of several hubs knows of the others. */
export interface AceBaseIPCClusterStatus {
  /** This hub's name. */
  name: string;
  /** All hubs that live, this one among them. */
  hubs: { name: string; address: string }[];
  /** Whether the engine answers, for how long it has or has not, and what is wrong where it does not. */
  engine: { state: 'unknown' | 'up' | 'down'; sinceMs: number | null; fault: string | null };
  /** How many clients this hub relays to others. */
  relayed: number;
  /** Clients that wait here until a hub has their database. */
  waiting: number;
  /** The databases that were asked for at this hub. */
  databases: {
    db: string;
    /** Whether this hub has it, or another; else why nobody is known to have it. */
    state: 'here' | 'elsewhere' | 'asking' | 'engine-down' | 'given-up' | 'leaving';
    /** The name of the hub that has it. */
    owner: string | null;
    /** How many times, at least, it has had a new owner. */
    epoch: number | null;
    /** How long ago the lease was asked for last, of a database that this hub has. */
    leaseAgeMs: number | null;
  }[];
}

/** What the server is doing: the same as `/status.json` says of the server and its databases. */
export interface AceBaseIPCStatus {
  server: AceBaseIPCServerStatus;
  /** The other hubs, with the option `cluster`. */
  cluster?: AceBaseIPCClusterStatus;
  /** What keeps the databases, or their clients, from their work: the worst first. */
  troubles: AceBaseIPCTroubleStatus[];
  databases: AceBaseIPCDatabaseStatus[];
}

/** An address that the server listens on. */
export interface AceBaseIPCAddress {
  address: string;
  family: 'IPv4' | 'IPv6';
  port: number;
}

/** The events of a server, and what their listeners get. */
export interface AceBaseIPCServerEvents {
  /** The server listens. */
  listening: [];
  /** A client has joined. */
  connect: [client: AceBaseIPCClient];
  /** A client has left. */
  disconnect: [peer: AceBaseIPCPeer & AceBaseIPCPlace, reason: AceBaseIPCDisconnectReason];
  /** A client was not let in. */
  refused: [refusal: AceBaseIPCRefusal];
  /** A client sent a message: its text without the address. Costs nothing while nobody listens. */
  message: [text: string, peer: AceBaseIPCPeer];
  /** A message was carried that `trace()` was switched on for. */
  trace: [message: AceBaseIPCTrace];
  /** The server did something for the cluster. */
  coordination: [what: AceBaseIPCCoordination];
  /** Something keeps a database, or a client, from its work; or does so no longer. */
  trouble: [trouble: AceBaseIPCTroubleEvent];
  /** Something is worth knowing, such as that new certificates are in use. */
  notice: [notice: AceBaseIPCNotice];
  /** Something is not as it should be. Without a listener and a log it becomes a warning of the process. */
  warning: [warning: AceBaseIPCWarning];
  /**
   * A part of the server failed; the server goes on. Without a listener it is printed or logged. With the code
   * `ERR_IPC_FAILED` the server itself has failed and stops; without a listener that ends the process.
   */
  error: [error: Error];
  /** The server has stopped. */
  close: [];
}

/**
 * A hub through which AceBase processes that share the same database files talk to each other.
 *
 * @example
 * const { AceBaseIPCServer } = require('acebase-ipc-server');
 * const server = new AceBaseIPCServer({ port: 9163 });
 * server.start();
 */
export class AceBaseIPCServer extends EventEmitter {
  /** @throws TypeError that names the option, what it must be, and what it was. Unknown options become warnings. */
  constructor(config?: AceBaseIPCServerConfig);

  /** The port that the server listens on; before `start()`, the configured one. */
  readonly port: number;

  /**
   * Starts to listen, and keeps the process alive from then on. Rejects with an Error that says what to do; its `code`
   * is `EADDRINUSE`, `EACCES` and the like, `ERR_IPC_TLS` for certificates, or `ERR_IPC_RUNNING`. Where nobody takes
   * the error, it ends the process, in both modes of pm2, too.
   */
  start(): Promise<void>;

  /**
   * Stops accepting, lets processes return their locks for at most `drainTimeout`, answers with `ok: false` what nobody
   * will answer any more, lets messages reach their receivers for at most `flushTimeout`, closes all connections with
   * 1001, and resolves when the port is free. May be called at any time; `start()` works again afterwards.
   * @param options.keepPort The server is coming back, in another process perhaps: with the option `keepPort` the port
   *   stays open for it, for a minute, and it goes on with the sessions of processes that come back, and with their
   *   requests, which are not answered before. It also goes on with connections on which nobody has said anything yet,
   *   and with those between two requests over plain HTTP: who comes meanwhile waits. Default: false.
   */
  stop(options?: { keepPort?: boolean }): Promise<void>;

  /**
   * As `stop({ keepPort: true })`, but for a server with the option `keepPort` the next one on this port, in another
   * process perhaps, goes on with the open connections: clients see a pause, and nothing else. If none comes within a
   * minute, the connections are closed and the port is free. Connections of TLS 1.2 are closed with 1001, and the next
   * server goes on with the sessions of processes that come back. Without the option, and on Windows, it is a `stop()`.
   * The next server tells what it goes on with as a `notice`, or why it cannot as a `warning`, each with the code
   * `hand-over`.
   *
   * With the option, a process that does not listen to SIGINT, SIGTERM or SIGHUP itself, on Windows also to SIGBREAK,
   * does this when it gets one, and then ends by that signal; and any process does it when it calls `process.exit()`,
   * or fails.
   */
  handOver(): Promise<void>;

  /** The first address that the server listens on, and all of them; `null` while it does not. */
  address(): (AceBaseIPCAddress & { all: AceBaseIPCAddress[] }) | null;

  /** The clients that are connected for a database. */
  getClients(dbname: string): AceBaseIPCClient[];

  /** Who holds and who waits for which lock of a database. */
  locks(dbname: string): AceBaseIPCLock[];

  /** What the server is doing; `null` while it does not run. */
  status(): AceBaseIPCStatus | null;

  /**
   * Reads the certificates again, for new connections. Not needed when their files change: that is noticed within ten
   * seconds. Rejects with code `ERR_IPC_TLS` where they cannot be used; then the old ones stay in use.
   */
  reloadCertificates(): Promise<void>;

  /**
   * Switches `trace` events on or off for a database, or for what one client of it sends and gets; neither need be
   * there yet. Ends with the server's run. Costs nothing while it is off. With `logLevel: 'debug'` the log has these
   * messages, too.
   * @throws Error with code `ERR_IPC_NOT_RUNNING` while the server does not run.
   */
  trace(dbname: string, options?: { client?: string; on?: boolean }): void;

  on<E extends keyof AceBaseIPCServerEvents>(event: E, listener: (...args: AceBaseIPCServerEvents[E]) => void): this;
  once<E extends keyof AceBaseIPCServerEvents>(event: E, listener: (...args: AceBaseIPCServerEvents[E]) => void): this;
  off<E extends keyof AceBaseIPCServerEvents>(event: E, listener: (...args: AceBaseIPCServerEvents[E]) => void): this;
  addListener<E extends keyof AceBaseIPCServerEvents>(
    event: E,
    listener: (...args: AceBaseIPCServerEvents[E]) => void,
  ): this;
  removeListener<E extends keyof AceBaseIPCServerEvents>(
    event: E,
    listener: (...args: AceBaseIPCServerEvents[E]) => void,
  ): this;
}
