'use strict';

// From the runs of all rounds to figures, and from figures to a table and a file.

const fs = require('node:fs');
const os = require('node:os');

/** @param {number[]} values */
function median(values) {
  if (values.length === 0) return undefined;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Share of a core, used by other processes, from which a run counts as disturbed. */
const DISTURBED = 0.1;

const isWhole = (result) => !result.violation && !result.failure;
const isDisturbed = (result) => result.other_cpu > DISTURBED;

/** The rounds that count: whole ones, and disturbed ones only where there is no other. */
function countingRounds(rounds) {
  const whole = rounds.filter(({ ours, other }) => isWhole(ours) && isWhole(other));
  const quiet = whole.filter(({ ours, other }) => !isDisturbed(ours) && !isDisturbed(other));
  return quiet.length > 0 ? quiet : whole;
}

/**
 * Condenses the rounds of one row. A ratio says how many times better ours is, whichever direction is better, and is
 * the median of each round's ratio: the machine drifts, but hardly within a round.
 */
function summarise(row, rounds) {
  const counting = countingRounds(rounds);
  return row.figures.map(({ name, unit, read, better, target }) => {
    const of = (side) => median(counting.map((round) => read(round[side])).filter(Number.isFinite));
    const ratios = counting.map(({ ours, other }) =>
      better === 'higher' ? read(ours) / read(other) : read(other) / read(ours),
    );
    const figure = {
      name,
      unit,
      better,
      ours: of('ours'),
      other: of('other'),
      ratio: median(ratios.filter(Number.isFinite)),
    };
    return { ...figure, target, met: isMet(target, figure) };
  });
}

function isMet(target, { ours, ratio }) {
  if (!target || ours === undefined) return undefined;
  return target.ratio === undefined ? ours <= target.most : ratio >= target.ratio;
}

/** @returns {string} the table of all rows, for a terminal */
function table(rows) {
  const lines = [['workload', 'ours', 'yardstick', 'unit', 'ratio', 'target', '']];
  for (const { name, figures } of rows) {
    for (const figure of figures) {
      const title = figure.name ? `${name}: ${figure.name}` : name;
      const { ours, other, unit, ratio } = figure;
      lines.push([title, number(ours), number(other), unit, number(ratio), targetText(figure), verdict(figure)]);
    }
  }
  return textTable(lines, [0, 3, 6]);
}

/**
 * Aligns columns.
 * @param {string[][]} lines
 * @param {number[]} textColumns aligned to the left; the others to the right
 */
function textTable(lines, textColumns) {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const cell = (text, column) =>
    textColumns.includes(column) ? text.padEnd(widths[column]) : text.padStart(widths[column]);
  return lines.map((line) => line.map(cell).join('  ').trimEnd()).join('\n');
}

function targetText({ target }) {
  if (!target) return '';
  return target.ratio === undefined ? `<= ${number(target.most)}` : `>= ${number(target.ratio)}x`;
}

function verdict({ met }) {
  return met === undefined ? '' : met ? 'met' : 'MISSED';
}

/** Three significant digits for small values, whole numbers with separators for large ones. */
function number(value) {
  if (value === undefined) return '-';
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US');
  return value.toPrecision(3);
}

/** What one must know of the machine to compare figures. */
function machineFacts() {
  const [cpu] = os.cpus();
  return {
    cpu: cpu.model.trim(),
    cores: os.cpus().length,
    memoryMiB: Math.round(os.totalmem() / 2 ** 20),
    kernel: `${os.type()} ${os.release()}`,
    node: process.version,
    ws: require('ws/package.json').version,
  };
}

/** Writes what a benchmark found as JSON, with when it was and on which machine. */
function writeReport(file, found) {
  const report = { date: new Date().toISOString(), machine: machineFacts(), ...found };
  fs.writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
}

module.exports = { isDisturbed, machineFacts, median, number, summarise, table, textTable, writeReport };
