'use strict';

// The log: levels, the two forms of a line, and where lines go. Knows nothing of what is logged.

const { printable, printableJson } = require('../printable.js');

/** From the most to the least important. */
const LEVELS = ['error', 'warn', 'info', 'debug'];

/** How lines for people name a level, where that is not its name. */
const SPOKEN = { warn: 'warning' };

/**
 * @typedef {(message: string, details?: object) => void} Write
 * @typedef {Record<'debug' | 'info' | 'warn' | 'error', Write>} Logger
 */

/**
 * Lines of one server. Those below the level cost nothing but a comparison. That lines cannot be written never ends the
 * server.
 */
class Log {
  #logger;
  #depth;
  #hasComplained = false;

  /**
   * @param {{ logLevel?: string, logFormat?: 'text' | 'json', logger?: Logger }} options With any of them there is a
   *   log.
   */
  constructor({ logLevel, logFormat, logger }) {
    /** Whether a log is wanted at all; else whoever uses the server hears of it by its events alone. */
    this.isConfigured = [logLevel, logFormat, logger].some((option) => option !== undefined);
    this.#logger = logger ?? streams(logFormat === 'json' ? jsonLine : textLine);
    this.#depth = this.isConfigured ? LEVELS.indexOf(logLevel ?? 'info') : -1;
  }

  /** Whether lines of this level are written. */
  isOn(level) {
    return LEVELS.indexOf(level) <= this.#depth;
  }

  /**
   * Writes a line, if its level is on.
   * @param {'error' | 'warn' | 'info' | 'debug'} level
   * @param {string} message A sentence for a person.
   * @param {object} [details] Its parts, for programs.
   */
  write(level, message, details = {}) {
    if (this.isOn(level)) {
      try {
        this.#logger[level](printable(message), details);
      } catch (error) {
        this.#complain(error);
      }
    }
  }

  /** Once: a full disk would make as many complaints as lines. */
  #complain(error) {
    if (!this.#hasComplained) {
      this.#hasComplained = true;
      warnOfLoss(error);
    }
  }
}

/** Streams of this process whose errors are looked after. */
const guarded = new WeakSet();

/**
 * Errors of a standard stream (the disk behind it is full, whoever read it is gone) end the process where nobody
 * listens for them: the console does so for the first one only.
 */
function guard(stream) {
  if (!guarded.has(stream)) {
    guarded.add(stream);
    stream.once('error', warnOfLoss).on('error', () => {});
  }
}

/** Goes to standard error past the streams, and is lost without harm where that cannot be written either. */
function warnOfLoss(error) {
  const message = `The log cannot be written, and the server goes on without its lines: ${error?.message ?? error}`;
  process.emitWarning(message, { type: 'AceBaseIPCWarning', code: 'log-failed' });
}

/** A logger that writes to the streams of this process. @returns {Logger} */
function streams(toLine) {
  guard(process.stdout);
  guard(process.stderr);
  const to = (write, level) => (message, details) => write(toLine(level, message, details));
  return {
    error: to(console.error, 'error'),
    warn: to(console.error, 'warn'),
    info: to(console.log, 'info'),
    debug: to(console.log, 'debug'),
  };
}

function textLine(level, message) {
  return `${new Date().toISOString()} ${SPOKEN[level] ?? level}: ${message}`;
}

function jsonLine(level, message, details) {
  return printableJson(JSON.stringify({ time: new Date().toISOString(), level, message, ...details }));
}

module.exports = { Log };
