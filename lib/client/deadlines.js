'use strict';

// When requests are given up: not while what they wait behind moves. Knows of requests only whether they stand in the
// line of the locks.

const { Line, PARTS } = require('./line.js');

/**
 * Where others move, the line that they stand in may be another one than a request's that got lost: it is given up
 * after so many times its limit, however much moves.
 */
const MAX_TIMES = 10;

class Deadlines {
  #limit;
  #expire;
  /** Oldest first. @type {Map<string, { number: number, since: number, isInLine: boolean, mayBeLost: boolean }>} */
  #waiting = new Map();
  /** What is made now may get lost. */
  #loses = false;
  #lastNumber = 0;
  #line;
  #othersMoved = Number.NEGATIVE_INFINITY;
  #timer;

  /**
   * @param {number} limit How long a request may stand still, in milliseconds.
   * @param {(id: string) => void} expire
   */
  constructor(limit, expire) {
    this.#limit = limit;
    this.#line = new Line(limit);
    this.#expire = expire;
  }

  /**
   * A request is made.
   * @param {string} id
   * @param {boolean} isInLine It is answered when those before it are through.
   */
  add(id, isInLine) {
    const request = { number: ++this.#lastNumber, since: performance.now(), isInLine, mayBeLost: this.#loses };
    this.#waiting.set(id, request);
    this.#timer ??= this.#wait(this.#limit);
  }

  /** It is answered: those behind it have moved on. */
  answered(id) {
    const request = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (request?.isInLine && this.#waiting.size > 0) {
      this.#line.moved(request.number, performance.now());
    }
  }

  /** Nobody waits for it any more. */
  delete(id) {
    this.#waiting.delete(id);
  }

  /** Another process is through with something that it had to have a lock for. */
  othersMoved() {
    if (this.#waiting.size > 0) {
      this.#othersMoved = performance.now();
    }
  }

  /**
   * Whether requests, and answers, may get lost from now on. How others move tells nothing of those that may have been.
   * @param {boolean} loses
   */
  mayLose(loses) {
    this.#loses = loses;
    for (const request of this.#waiting.values()) {
      request.mayBeLost ||= loses;
    }
  }

  stop() {
    clearTimeout(this.#timer);
    this.#waiting.clear();
  }

  #wait(duration) {
    return setTimeout(() => this.#look(), duration).unref();
  }

  #look() {
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const [id, request] of this.#waiting) {
      const end = this.#endOf(request);
      if (end > now) {
        next = Math.min(next, end);
      } else {
        this.#waiting.delete(id);
        this.#expire(id);
      }
    }
    const isOver = next === Number.POSITIVE_INFINITY;
    this.#timer = isOver ? undefined : this.#wait(Math.max(next - now, this.#limit / PARTS));
  }

  #endOf({ number, since, isInLine, mayBeLost }) {
    const moved = isInLine ? this.#line.lastMoveBefore(number) : since;
    if (mayBeLost) {
      return Math.max(since, moved) + this.#limit;
    }
    const asOthersMove = Math.min(this.#othersMoved + this.#limit, since + MAX_TIMES * this.#limit);
    return Math.max(Math.max(since, moved) + this.#limit, asOthersMove);
  }
}

module.exports = { Deadlines, MAX_TIMES };
