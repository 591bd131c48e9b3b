'use strict';

// The hub under proof: the package in a process of its own, and what that process uses, as Linux tells it.

const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { readdirSync, readFileSync } = require('node:fs');
const path = require('node:path');

const SCRIPT = path.join(__dirname, '..', '..', '__test__', 'support', 'hub-process.js');

/**
 * Clock ticks in which Linux counts processor time in /proc, per second: fixed for user space on every architecture.
 */
const TICKS_PER_SECOND = 100;
/** Where the processor times begin in /proc/<pid>/stat, counted from the field after the program's name. */
const USER_TIME_FIELD = 11;
/** How long a stopping hub may take, in milliseconds, before it is killed. */
const STOP_PATIENCE = 10_000;

const running = new Set();
process.on('exit', () => {
  for (const hub of running) {
    hub.kill();
  }
});

class Hub {
  #child;
  #exited;
  #output = '';

  /**
   * @param {object} config The server's.
   * @param {number} openFiles The process's limit of open files (RLIMIT_NOFILE, soft and hard).
   */
  static async start(config, openFiles) {
    const hub = new Hub(config, openFiles);
    await hub.#ready();
    return hub;
  }

  constructor(config, openFiles) {
    const full = { host: '127.0.0.1', port: 0, ...config };
    // The shell sets the limit and then becomes Node.js, which could raise a soft limit by itself, but not a hard one.
    const limited = ['-c', `ulimit -n ${openFiles} && exec "$@"`, 'sh', process.execPath, SCRIPT, JSON.stringify(full)];
    this.#child = spawn('sh', limited, { stdio: ['ignore', 'pipe', 'pipe'] });
    running.add(this);
    this.#exited = once(this.#child, 'exit').finally(() => running.delete(this));
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', (data) => {
        this.#output += data;
      });
    }
  }

  async #ready() {
    for (;;) {
      const port = this.#output.match(/running on port (\d+)/)?.[1];
      if (port) {
        this.port = Number(port);
        return;
      }
      const [what] = await Promise.race([once(this.#child.stdout, 'data'), this.#exited.then(() => [])]);
      if (!what) {
        throw new Error(`the hub did not start: ${this.#output}`);
      }
    }
  }

  /** How often it has warned with this code. */
  warnings(code) {
    return this.#output.split(`warning ${code}:`).length - 1;
  }

  /** All that it has printed. */
  get output() {
    return this.#output;
  }

  /** What it uses now: memory that only it has, in bytes, without the kernel's buffers; threads; open files. */
  usage() {
    return { memory: this.#memory(), threads: this.#entries('task'), files: this.#entries('fd') };
  }

  /** Seconds of processor time that it has used, all its threads together, in steps of 10 ms. */
  processorTime() {
    const stat = this.#proc('stat');
    const times = stat.slice(stat.lastIndexOf(') ') + 2).split(' ');
    return (Number(times[USER_TIME_FIELD]) + Number(times[USER_TIME_FIELD + 1])) / TICKS_PER_SECOND;
  }

  /** Stops it as a process manager does. @returns {Promise<{ isClean: boolean, milliseconds: number }>} */
  async stop() {
    const began = performance.now();
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.kill(), STOP_PATIENCE);
    const [code] = await this.#exited;
    clearTimeout(timer);
    const isClean = code === 0 && this.#output.trimEnd().endsWith('stopped');
    return { isClean, milliseconds: performance.now() - began };
  }

  /** Lets it hand its connections over to the next hub on its port, and waits for its end. */
  async handOver() {
    this.#child.kill('SIGINT');
    const timer = setTimeout(() => this.kill(), STOP_PATIENCE);
    await this.#exited;
    clearTimeout(timer);
  }

  /** Ends it, whatever state it is in. */
  kill() {
    this.#child.kill('SIGKILL');
  }

  #memory() {
    return Number(this.#proc('smaps_rollup').match(/^Private_Dirty:\s+(\d+) kB$/m)[1]) * 1024;
  }

  #entries(folder) {
    return readdirSync(`/proc/${this.#child.pid}/${folder}`).length;
  }

  #proc(name) {
    return readFileSync(`/proc/${this.#child.pid}/${name}`, 'utf8');
  }
}

module.exports = { Hub };
