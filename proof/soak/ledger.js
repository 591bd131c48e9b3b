'use strict';

// The account of a run: what was counted, what went wrong, and when the hub was away.

/** How many violations are kept in words; all are counted. */
const MAX_VIOLATIONS = 200;

/**
 * How long after its return the hub's absence still shows, in milliseconds: clients that were connected to the old one
 * return within a second or two, and what was under way meanwhile is lost or waits for the end of a lock whose release
 * was lost.
 */
const AFTERMATH = 5000;

/** How long before its end the hub may have taken a message that it had not handed on, in milliseconds. */
const LAST_MESSAGES = 1000;

/** Times when the hub was killed or stopped until its clients were back. */
class HubAbsences {
  #spans = [];

  begin(now) {
    this.#spans.push({ from: now - LAST_MESSAGES, to: Number.POSITIVE_INFINITY });
  }

  end(now) {
    this.#spans.at(-1).to = now + AFTERMATH;
  }

  /** Whether anything between the two times may have been hit. */
  overlaps(from, to) {
    return this.#spans.some((span) => from <= span.to && to >= span.from);
  }
}

class Ledger {
  #counts = new Map();
  #started = performance.now();
  violations = [];
  violationCount = 0;
  absences = new HubAbsences();

  count(what, number = 1) {
    this.#counts.set(what, this.counted(what) + number);
  }

  counted(what) {
    return this.#counts.get(what) ?? 0;
  }

  get counts() {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)));
  }

  /** Something happened that must not. */
  violate(kind, text) {
    this.violationCount++;
    this.count(`violation: ${kind}`);
    const line = `${this.clock()} ${kind}: ${text}`;
    if (this.violations.length < MAX_VIOLATIONS) {
      this.violations.push(line);
      console.log(`VIOLATION ${line}`);
    }
  }

  note(text) {
    console.log(`${this.clock()} ${text}`);
  }

  /** Minutes and seconds since the start. */
  clock() {
    const seconds = Math.floor((performance.now() - this.#started) / 1000);
    return `${String(Math.floor(seconds / 60)).padStart(2, '0')}:${String(seconds % 60).padStart(2, '0')}`;
  }
}

module.exports = { Ledger };
