'use strict';

// How a line of requests moves: which of them were answered last, and when. Whoever stands in it knows by that whether
// it has moved before him. Pure: knows numbers and times.

/** Answers that follow each other faster than this part of the horizon count as one. */
const PARTS = 64;

class Line {
  /**
   * Numbers and times both ascend: an answer says nothing that a later one of a lower number does not say. No more than
   * `PARTS`, and the last one.
   * @type {{ number: number, at: number }[]}
   */
  #answers = [];
  #horizon;

  /** @param {number} horizon What is older is of no interest, in milliseconds. */
  constructor(horizon) {
    this.#horizon = horizon;
  }

  /**
   * A request is answered.
   * @param {number} number Its place: requests are numbered as they are made.
   * @param {number} at In milliseconds.
   */
  moved(number, at) {
    const answers = this.#answers;
    while (answers.length > 0 && answers.at(-1).number >= number) {
      answers.pop();
    }
    while (answers.length > 0 && answers[0].at < at - this.#horizon) {
      answers.shift();
    }
    if (!(answers.at(-1)?.at > at - this.#horizon / PARTS)) {
      answers.push({ number, at });
    }
  }

  /** When it moved last before somebody. @returns {number} In milliseconds; `-Infinity`: not within the horizon. */
  lastMoveBefore(number) {
    return this.#answers.findLast((answer) => answer.number < number)?.at ?? Number.NEGATIVE_INFINITY;
  }
}

module.exports = { Line, PARTS };
