'use strict';

// The report of a run, as a table for people.

const MEBIBYTE = 2 ** 20;

/** Prints what was counted, what the hub took, and what was violated. */
function printReport({
  minutes,
  seed,
  counts,
  events,
  slowestRequest,
  processorSeconds,
  growth,
  violationCount,
  violations,
}) {
  const rows = [
    ...Object.entries(counts),
    ...Object.entries(events).map(([name, count]) => [`events ${name}`, count]),
    ['slowest confirmed request, ms', slowestRequest],
    ...Object.entries(processorSeconds).map(([name, seconds]) => [
      `processor time of ${name}, % of one core`,
      ((100 * seconds) / (minutes * 60)).toFixed(1),
    ]),
    ...growth.map(({ name, second, last, limit, isFlat }) => {
      const show = (value) => (name === 'memory' ? `${(value / MEBIBYTE).toFixed(1)} MiB` : value.toFixed(1));
      return [`hub: ${name}`, `${show(second)} -> ${show(last)} (limit ${show(limit)}) ${isFlat ? 'flat' : 'GROWS'}`];
    }),
    ['violations', violationCount],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  console.log(`\nSoak of ${minutes} minutes, seed ${seed}\n`);
  for (const [name, value] of rows) {
    console.log(`${name.padEnd(width)}  ${value}`);
  }
  for (const line of violations) {
    console.log(`VIOLATION ${line}`);
  }
}

module.exports = { printReport };
