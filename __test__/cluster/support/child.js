'use strict';

// A child process of a test: called over its channel, watched for its death, ended with the test.

const { fork } = require('node:child_process');
const { createWriteStream, mkdirSync } = require('node:fs');
const path = require('node:path');

const { now } = require('./lock-log.js');
const { defer, disownProcess, endProcess, ownProcess } = require('./scope.js');
const { within } = require('./wait.js');

/** How long a call may take where the test does not say otherwise, in milliseconds. */
const CALL_LIMIT = 20_000;

/** What stands for the number of a call where the child says by itself that it is ready. */
const READY = 0;

/** How much of a child's last words is kept for the report of its death, in characters. */
const MAX_LAST_WORDS = 2000;

/** How much is kept of all that it prints on its standard error, in characters. */
const MAX_WORDS = 1_000_000;

/** Where children write all they say, if anywhere: published clients print every message that they receive. */
const DEBUG_FOLDER = process.env.CLUSTER_DEBUG && path.resolve(process.env.CLUSTER_DEBUG);

class Child {
  #process;
  #calls = new Map();
  #lastCall = 0;
  #words = '';

  constructor(t, name, script, args, env, launcher) {
    this.name = name;
    this.#process = fork(script, args, {
      ...(launcher && { execPath: launcher[0], execArgv: [...launcher.slice(1), process.execPath] }),
      stdio: ['ignore', DEBUG_FOLDER ? 'pipe' : 'ignore', 'pipe', 'ipc'],
      env: { ...process.env, ...env },
    });
    this.pid = this.#process.pid;
    ownProcess(this.pid);
    defer(t, () => this.end());
    this.#listen();
  }

  #listen() {
    this.#process.on('message', (message) => {
      // What programs tell a process manager.
      const { call, result, error } = message === 'ready' ? { call: READY } : message;
      const { resolve, reject } = this.#calls.get(call) ?? {};
      this.#calls.delete(call);
      error === undefined ? resolve?.(result) : reject?.(new Error(`${this.name}: ${error}`));
    });
    this.#process.stderr.setEncoding('utf8');
    this.#process.stderr.on('data', (text) => {
      this.#words = (this.#words + text).slice(-MAX_WORDS);
    });
    if (DEBUG_FOLDER) {
      this.#keepOutput();
    }
    /** Settles when the process has ended. */
    this.exited = new Promise((resolve) => {
      this.#process.once('close', (code, signal) => {
        this.exit = { code, signal };
        this.endedAt = now();
        disownProcess(this.pid);
        this.#rejectCalls();
        resolve(this.exit);
      });
    });
  }

  #keepOutput() {
    mkdirSync(DEBUG_FOLDER, { recursive: true });
    const output = createWriteStream(path.join(DEBUG_FOLDER, `${this.name}-${this.pid}.log`));
    for (const stream of [this.#process.stdout, this.#process.stderr]) {
      stream.on('data', (text) => output.write(`${new Date().toISOString()} ${text}`));
    }
  }

  #rejectCalls() {
    for (const { reject } of this.#calls.values()) {
      reject(new Error(this.#obituary()));
    }
    this.#calls.clear();
  }

  #obituary() {
    return `${this.name} has ended: ${this.lastWords}`;
  }

  get isAlive() {
    return this.exit === undefined;
  }

  /** What it printed last on its standard error. */
  get lastWords() {
    return this.#words.slice(-MAX_LAST_WORDS);
  }

  /** All that it has printed there. */
  get words() {
    return this.#words;
  }

  /** Calls a method of the child's script. */
  call(method, ...args) {
    return this.callWithin(CALL_LIMIT, method, ...args);
  }

  /** As `call`, for what takes longer, or must not. `limit` in milliseconds. */
  callWithin(limit, method, ...args) {
    const call = ++this.#lastCall;
    const answered = this.#expect(call);
    // One that cannot be told anything any more is about to end, and then all that was asked of it is rejected.
    this.#process.send({ call, method, args }, () => {});
    return within(`${this.name}: ${method}`, limit, answered);
  }

  /** Waits until the child says that it is ready, in the way of programs under a process manager. */
  ready() {
    return within(`${this.name}: the start`, CALL_LIMIT, this.#expect(READY));
  }

  #expect(call) {
    return new Promise((resolve, reject) => {
      if (!this.isAlive) {
        throw new Error(this.#obituary());
      }
      this.#calls.set(call, { resolve, reject });
    });
  }

  signal(signal) {
    this.#process.kill(signal);
  }

  /** Asks it to end, and waits until it has. */
  async terminate() {
    this.signal('SIGTERM');
    await within(`${this.name}: the end`, CALL_LIMIT, this.exited);
  }

  /** Ends it at once, if it has not ended by itself. */
  async end() {
    if (this.isAlive) {
      endProcess(this.pid);
    }
    await this.exited;
  }
}

/**
 * Starts a child process.
 * @param {import('node:test').TestContext} t It ends with this test.
 * @param {string} name What reports call it.
 * @param {string} script Its path.
 * @param {string[]} args
 * @param {Record<string, string>} [env] Added to the environment.
 * @param {string[]} [launcher] A command that becomes Node.js, in another network perhaps.
 */
function startChild(t, name, script, args, env, launcher) {
  return new Child(t, name, script, args, env, launcher);
}

module.exports = { startChild };
