'use strict';

// What is compared with what, in which workloads, and what must come out. Nothing here runs anything.

/** Options of the hub which leave nothing but the bare router. */
const NO_COORDINATION = {
  introductions: false,
  lockTable: false,
  passLocksFor: 0,
  resumeWindow: 0,
  masterTimeout: 0,
  releaseLocksAfter: 0,
};

/**
 * The two servers of a comparison: `ours` is the one whose figures are judged, `other` the yardstick.
 * @typedef {{ label: string, kind: 'hub' | 'ws' | 'floor', tls: boolean, options?: object }} Contestant
 * @type {Record<string, { ours: Contestant, other: Contestant, arguments: string[] }>}
 */
const COMPARISONS = {
  plain: {
    ours: { label: 'hub', kind: 'hub', tls: false },
    other: { label: 'ws', kind: 'ws', tls: false },
    arguments: [],
  },
  tls: {
    ours: { label: 'hub, TLS', kind: 'hub', tls: true },
    other: { label: 'ws, TLS', kind: 'ws', tls: true },
    arguments: ['--tls'],
  },
  floor: {
    ours: { label: 'hub', kind: 'hub', tls: false },
    other: { label: 'bare sends', kind: 'floor', tls: false },
    arguments: [],
  },
  coordination: {
    ours: { label: 'hub, coordination on', kind: 'hub', tls: false },
    other: { label: 'hub, coordination off', kind: 'hub', tls: false, options: NO_COORDINATION },
    arguments: ['--ids', 'acebase'],
  },
  survival: {
    ours: {
      label: 'hub, surviveCrash',
      kind: 'hub',
      tls: false,
      options: { surviveCrash: true, keepPort: true },
    },
    other: { label: 'hub', kind: 'hub', tls: false },
    arguments: ['--ids', 'acebase'],
  },
};

/** Figures: how to read one from a generator's result, which direction is better, and what must be reached. */
const rate = (unit, target) => ({ name: '', unit, read: (result) => result.rate, better: 'higher', target });
const p50 = { name: 'p50', unit: 'µs', read: (result) => result.p50_us, better: 'lower' };
const p99 = { name: 'p99', unit: 'µs', read: (result) => result.p99_us, better: 'lower', target: { ratio: 1.0 } };
const connecting = (target) => ({
  name: 'connecting',
  unit: 's',
  read: (result) => result.connect_seconds,
  better: 'lower',
  target,
});
const memory = (most) => ({
  name: 'memory per connection',
  unit: 'bytes',
  read: (result) => result.bytes_per_peer,
  better: 'lower',
  target: { most },
});

const messages = (ratio) => [rate('messages/s', { ratio })];
const deliveries = (ratio) => [rate('deliveries/s', { ratio })];

const USUAL_SIZE = ['--size', '200'];

const ONE_AT_A_TIME = ['fanout', '--burst', '1', '--bursts-in-flight', '1'];

/**
 * `fresh`: each run gets a server of its own, for memory once used does not come back.
 * `rounds`: at most so many, where one run is long.
 */
const ROWS = [
  row('qa', 'question/answer, 16 pairs, 150 B', 'plain', ['qa'], messages(2.0)),
  row('direct', 'pipelined direct, 16 pairs, 150 B', 'plain', ['direct'], messages(2.0)),
  row('direct-4k', 'pipelined direct, 16 pairs, 4 KB', 'plain', ['direct', '--size', '4096'], messages(1.9)),
  row('fanout', 'fan-out to 64, 150 B, bursts of 32', 'plain', ['fanout'], deliveries(40)),
  row('fanout-4k', 'fan-out to 64, 4 KB, bursts of 32', 'plain', ['fanout', '--size', '4096'], deliveries(5)),
  row('fanout-single', 'fan-out to 64, 150 B, one at a time', 'plain', ONE_AT_A_TIME, deliveries(1.6)),
  // Without a target: how much of what one system call a delivery allows at all.
  row('floor-single', 'floor: fan-out to 64, 150 B, one at a time', 'floor', ONE_AT_A_TIME, [rate('deliveries/s')]),
  row('latency', 'question/answer, 1 pair', 'plain', ['latency'], [p50, p99]),
  row('idle', 'idle connections', 'plain', ['idle'], [connecting({ most: 1 }), memory(2048)], {
    fresh: true,
    rounds: 3,
  }),
  row('tls-qa', 'TLS: question/answer, 16 pairs, 150 B', 'tls', ['qa'], messages(2.0)),
  row('tls-direct', 'TLS: pipelined direct, 16 pairs, 150 B', 'tls', ['direct'], messages(2.0)),
  row('tls-fanout', 'TLS: fan-out to 64, 150 B, bursts of 32', 'tls', ['fanout'], deliveries(2.0)),
  row('tls-idle', 'TLS: idle connections', 'tls', ['idle'], [connecting(), memory(24 * 1024)], {
    fresh: true,
    rounds: 1,
  }),
  // Messages of AceBase have no room in 150 bytes.
  row('coordination-qa', 'coordination: question/answer, 200 B', 'coordination', ['qa', ...USUAL_SIZE], messages(0.9)),
  row(
    'coordination-direct',
    'coordination: pipelined direct, 200 B',
    'coordination',
    ['direct', ...USUAL_SIZE],
    messages(0.9),
  ),
  row(
    'coordination-fanout',
    'coordination: fan-out to 64, 200 B',
    'coordination',
    ['fanout', ...USUAL_SIZE],
    deliveries(0.9),
  ),
  // Without a target: following locks is work that the bare router does not do.
  row(
    'coordination-locks',
    'coordination: lock and unlock, 16 workers',
    'coordination',
    ['locks'],
    [rate('messages/s')],
  ),
  row('survival-qa', 'surviveCrash: question/answer, 200 B', 'survival', ['qa', ...USUAL_SIZE], messages(0.97)),
  row(
    'survival-direct',
    'surviveCrash: pipelined direct, 200 B',
    'survival',
    ['direct', ...USUAL_SIZE],
    messages(0.97),
  ),
  row(
    'survival-direct-4k',
    'surviveCrash: pipelined direct, 4 KB',
    'survival',
    ['direct', '--size', '4096'],
    messages(0.97),
  ),
  row('survival-fanout', 'surviveCrash: fan-out to 64, 200 B', 'survival', ['fanout', ...USUAL_SIZE], deliveries(0.97)),
  row('survival-locks', 'surviveCrash: lock and unlock, 16 workers', 'survival', ['locks'], messages(0.97)),
];

function row(id, name, comparison, args, figures, { fresh = false, rounds = Infinity } = {}) {
  return {
    id,
    name,
    comparison,
    arguments: [...args, ...COMPARISONS[comparison].arguments],
    figures,
    fresh,
    rounds,
  };
}

module.exports = { COMPARISONS, NO_COORDINATION, ROWS };
