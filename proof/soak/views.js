'use strict';

// What each subscriber must have seen. A confirmed write to a shared place must have come exactly once to each process
// that had subscribed before the write began, knew all others by then, and still lives. What is beyond the hub does not
// count: an event of a process that ended right after (it may have been in that process's socket), and one of the time
// in which the hub was killed.

/** How long an event may take, in milliseconds, before it counts as lost: a large one waits for its own request. */
const EVENT_LIMIT = 15_000;

/** How long the tokens of events are remembered after that, in milliseconds: a second copy would come by then. */
const MEMORY = 60_000;

/** How long before its end a process may have confirmed a write whose event is still in its socket, in milliseconds. */
const LAST_WORDS = 3000;

/** One process from the time when it is known to be subscribed everywhere, until it ends. */
class Subscriber {
  /** What each place had last, as far as it was told. */
  last = new Map();
  #seen = new Map();

  /** @param {string} name @param {number} since */
  constructor(name, since) {
    this.name = name;
    this.since = since;
  }

  /** @param {{ path: string, token: string, isPresent?: boolean }[]} news `isPresent`: read, and no event. */
  take(news, now) {
    for (const { path, token, isPresent } of news) {
      this.last.set(path, token);
      if (isPresent) {
        continue;
      }
      this.#seen.set(token, { count: this.timesSeen(token) + 1, at: now });
    }
  }

  timesSeen(token) {
    return this.#seen.get(token)?.count ?? 0;
  }

  forget(before) {
    for (const [token, { at }] of this.#seen) {
      if (at < before) {
        this.#seen.delete(token);
      }
    }
  }
}

class Views {
  #hubAbsences;
  #subscribers = new Set();
  #expected = [];
  counts = { delivered: 0, excused: 0, lost: 0, doubled: 0 };

  /** @param {{ overlaps(from: number, to: number): boolean }} hubAbsences */
  constructor(hubAbsences) {
    this.#hubAbsences = hubAbsences;
  }

  join(subscriber) {
    this.#subscribers.add(subscriber);
  }

  leave(subscriber) {
    this.#subscribers.delete(subscriber);
  }

  /** A write to a shared place was confirmed. */
  expect(write) {
    this.#expected.push(write);
  }

  /**
   * Judges the writes whose events must have come by now, as far as the news of all subscribers are in.
   * @returns {string[]} What is wrong.
   */
  judge(now) {
    const due = this.#expected.filter((write) => write.end < now - EVENT_LIMIT);
    this.#expected = this.#expected.filter((write) => write.end >= now - EVENT_LIMIT);
    const faults = due.flatMap((write) =>
      [...this.#subscribers].map((subscriber) => this.#judgeOne(write, subscriber)),
    );
    for (const subscriber of this.#subscribers) {
      subscriber.forget(now - MEMORY);
    }
    return faults.filter((fault) => fault !== undefined);
  }

  #judgeOne(write, subscriber) {
    if (write.start < subscriber.since) {
      return undefined;
    }
    const times = subscriber.timesSeen(write.token);
    if (times > 1) {
      this.counts.doubled++;
      return `${subscriber.name} got the event of ${write.token} at ${write.path} ${times} times`;
    }
    if (times === 1) {
      this.counts.delivered++;
      return undefined;
    }
    if (this.isExcused(write)) {
      this.counts.excused++;
      return undefined;
    }
    this.counts.lost++;
    return `${subscriber.name} never got the event of ${write.token} of ${write.process.name} at ${write.path}`;
  }

  /** Whether the event of this write may be lost. */
  isExcused({ start, end, process }) {
    const diedWithIt = process.diedAt !== undefined && process.diedAt - end < LAST_WORDS;
    return diedWithIt || this.#hubAbsences.overlaps(start, end + LAST_WORDS);
  }
}

module.exports = { EVENT_LIMIT, Subscriber, Views };
