'use strict';

// Keeps the log from being filled by clients: of one kind of line only so many are written within a period, and then
// how many more there were. Knows nothing of what the lines say.

/** Lines of one kind within a period: more than a large cluster causes when all its processes start. */
const MAX_LINES = 200;

/** In milliseconds. */
const PERIOD = 10_000;

/** Kinds are the program's own words, so that there are few of them. */
class LineThrottle {
  #kinds = new Map();
  #tellLeftOut;

  /**
   * @param {(kind: string, leftOut: number) => void} tellLeftOut Is told, when a period is over, how many lines were
   *   left out in it.
   */
  constructor(tellLeftOut) {
    this.#tellLeftOut = tellLeftOut;
  }

  /** Whether a line of this kind may be written. */
  allows(kind) {
    const period = this.#kinds.get(kind) ?? this.#begin(kind);
    period.lines += 1;
    return period.lines <= MAX_LINES;
  }

  /** A timer of its own for each period in which there is something to write; it keeps no process alive. */
  #begin(kind) {
    const period = { lines: 0 };
    this.#kinds.set(kind, period);
    setTimeout(() => this.#end(kind, period), PERIOD).unref();
    return period;
  }

  #end(kind, { lines }) {
    this.#kinds.delete(kind);
    if (lines > MAX_LINES) {
      this.#tellLeftOut(kind, lines - MAX_LINES);
    }
  }
}

module.exports = { LineThrottle, MAX_LINES, PERIOD };
