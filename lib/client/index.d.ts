/**
 * A client that keeps its side of the promises. Load it before the database is opened:
 * `require('acebase-ipc-server/client')`, `import 'acebase-ipc-server/client'`, or `node -r acebase-ipc-server/client`.
 * It replaces the transport of AceBase's remote peer (`connect`, `sendMessage`, `fetch`), and nothing else.
 */

/** The modules whose class has the new transport, by their paths. Empty: no copy of AceBase that is known was found. */
export const replaced: readonly string[];

/** Resolves when builds are done, too, that this version of Node.js loads only asynchronously (ESM before 20.19). */
export const ready: Promise<void>;

/**
 * Replaces the transport in one copy of AceBase that is not where it was looked for. Never rejects: what is not known
 * is left as it is, with a warning of the process.
 * @param folder Of the package.
 */
export function replaceIn(folder: string): Promise<void>;

/** What this client takes in AceBase's `ipc` settings, beside `host`, `port`, `ssl`, `token` and `role`. */
export interface ClientSettings {
  /**
   * Where the hub may be: names or addresses, with a port where it is another one than `port`. Takes the place of
   * `host`. Each address of a name is tried; the next one at once, where one fails. Only one hub may serve at a time.
   */
  hosts?: (string | { host?: string; port?: number })[];
  /**
   * How long a request may stand still, in milliseconds, before it fails with an error: without a hub, or without a
   * sign that what it waits behind moves. Default: ten seconds longer than AceBase's `lockTimeout`, and two minutes at
   * least.
   */
  requestTimeout?: number;
  /**
   * For how long a worker that writes on and on goes on under the lock that it has, in milliseconds, before others have
   * their turn: from the lock's grant until the last write under it begins (and for no more than a tenth of the
   * lock's time). `0`: each write has a lock of its own. At
   * most `1000`. Default: `2`.
   */
  keepLocksFor?: number;
}

/** How the connection is. The peer emits it as `connection`: `db.api.storage.ipc.on('connection', …)`. */
export interface ConnectionEvent {
  /**
   * - `connected`: there is a connection; what was told before was missed, so the cache is empty.
   * - `lost`: there is none any more. What is sent waits for the next one.
   * - `resumed`: there is one again, and nothing was missed.
   * - `refused`: an attempt failed, or its answer was a refusal. Told once for each reason; attempts go on.
   */
  state: 'connected' | 'lost' | 'resumed' | 'refused';
  /** `host:port` and the address. */
  hub?: string;
  /** Why, for people. */
  reason?: string;
  /** Of HTTP, where the hub refused: 403 for a wrong token. */
  status?: number;
  /** Of the close frame, where there was one. */
  code?: number;
}

/**
 * The `code` of errors with which requests fail.
 * - `ERR_IPC_TIMEOUT`: stood still for `requestTimeout`. The message says why, where there is no connection.
 * - `ERR_IPC_NOT_SENT`: too long for the hub, or of values that cannot be sent.
 * - `ERR_IPC_QUEUE_FULL`: too much waits for a connection already.
 * - `ERR_IPC_UNCERTAIN`: sent to a hub that is gone, and the present one cannot tell whether it comes twice.
 */
export type RequestErrorCode = 'ERR_IPC_TIMEOUT' | 'ERR_IPC_NOT_SENT' | 'ERR_IPC_QUEUE_FULL' | 'ERR_IPC_UNCERTAIN';
