'use strict';

// What was seen in a trial, for people.

/** How many different reasons of rejections and ends are told. */
const MAX_REASONS = 5;

/** How much of one is told, in characters. */
const MAX_REASON = 160;

/** @typedef {import('./trial.js').Figures} Figures */

/** What each figure is called. @type {Record<string, (figures: Figures) => string | number>} */
const COLUMNS = {
  restarts: ({ restarts }) => restarts.length,
  'writes confirmed': ({ confirmed }) => confirmed,
  hung: ({ hung }) => hung,
  'for ever': ({ unanswered }) => unanswered,
  'restarts with a stall': ({ stalls }) => stalls,
  rejected: ({ rejections }) => rejections.length,
  'connections lost': ({ reconnections }) => reconnections,
  'processes ended': ({ ends }) => ends.length,
  'events lost': ({ events }) => `${events.lost} of ${events.expected}`,
  'events doubled': ({ events }) => events.doubled,
  'confirmed writes missing': ({ missing, damage }) => (damage === undefined ? missing : 'unreadable'),
  'hub away, longest (ms)': ({ restarts }) => Math.max(...restarts.map(({ absence }) => absence)),
  'longest write (ms)': ({ restarts }) => Math.max(...restarts.map(({ longest }) => longest)),
};

/** @param {Figures} figures @param {(line: string) => void} tell */
function tellFigures(figures, tell) {
  const parts = Object.entries(COLUMNS).map(([name, read]) => `${name}: ${read(figures)}`);
  tell(parts.join(', '));
  for (const reason of reasonsIn(figures.rejections)) {
    tell(`rejected: ${reason}`);
  }
  for (const reason of reasonsIn(figures.ends)) {
    tell(`ended: ${reason}`);
  }
}

/**
 * A table with a row for each variant.
 * @param {{ name: string, figures?: Figures, isKept: boolean }[]} rows
 */
function makeTable(rows) {
  const names = Object.keys(COLUMNS);
  const head = [`| restarted by | ${names.join(' | ')} | |`, `|---${'|---'.repeat(names.length)}|---|`];
  const body = rows.map(({ name, figures, isKept }) => {
    const cells = names.map((column) => (figures ? COLUMNS[column](figures) : '?'));
    return `| ${name} | ${cells.join(' | ')} | ${isKept ? 'kept' : 'MISSED'} |`;
  });
  return [...head, ...body].join('\n');
}

/** Different texts, the line of each that says something. */
function reasonsIn(texts) {
  const lines = texts.map((text) => text.split('\n').find((line) => /error/i.test(line)) ?? text.split('\n')[0]);
  return [...new Set(lines.map((line) => line.trim().slice(0, MAX_REASON)))].slice(0, MAX_REASONS);
}

module.exports = { makeTable, tellFigures };
