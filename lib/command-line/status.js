'use strict';

// The commands `acebase-ipc-server status`, which prints how a running server is, and `… top`, which goes on doing so.

const { setTimeout: sleep } = require('node:timers/promises');

const { NoAnswer } = require('./inquiry.js');
const { fetchReport, withRates } = require('./report.js');
const { toLines } = require('./report-text.js');
const { printableJson } = require('../printable.js');
const { openScreen } = require('./screen.js');
const { bounded, initialView, pressed, toScreen } = require('./top-view.js');

/** Time between two reports, in milliseconds; rates are what has grown in it. */
const INTERVAL = 1000;

/** Clients and locks of each database that `top` asks for: those that matter most. */
const TOP_LIMIT = 200;

/** What the commands end with. */
const EXIT = { well: 0, notWell: 2 };

/**
 * Prints how a server is, once.
 * @param {import('./look.js').Look} look
 * @returns {Promise<number>} The exit code.
 */
async function status(look) {
  const before = await fetchReport(look);
  await sleep(INTERVAL);
  const report = withRates(before, await fetchReport(look));
  console.log(look.json ? printableJson(JSON.stringify(report, null, 2)) : toLines(report, look.url.origin).join('\n'));
  return report.troubles.some(({ level }) => level !== 'info') ? EXIT.notWell : EXIT.well;
}

/**
 * Shows how a server is until it is told to end.
 * @param {import('./look.js').Look} look
 * @returns {Promise<number>} The exit code.
 */
async function top(look) {
  // What is wrong from the beginning will hardly come right: no screen is opened for it.
  await follow(look, await fetchReport(look, { limit: TOP_LIMIT }));
  return EXIT.well;
}

/** A server that does not answer any more may be restarting, so it is asked again. */
async function follow(look, first) {
  let before = first;
  let view = initialView();
  let shown = { report: first };
  const draw = (size) => {
    if (shown.failure) {
      return [shown.failure];
    }
    view = bounded(shown.report, view, size);
    return toScreen(shown.report, look.url.origin, view, size);
  };
  const screen = openScreen({
    draw,
    onKey(key) {
      view = pressed(view, key);
    },
  });
  try {
    screen.redraw();
    while (await screen.isOpenAfter(INTERVAL)) {
      const now = await fetchReport(look, { limit: TOP_LIMIT }).catch(asNoAnswer);
      if (now instanceof NoAnswer) {
        shown = { failure: now.message };
      } else {
        shown = { report: withRates(before, now) };
        before = now;
      }
      screen.redraw();
    }
  } finally {
    screen.close();
  }
}

/** Only what is known to go wrong is taken for a missing report. */
function asNoAnswer(error) {
  if (error instanceof NoAnswer) {
    return error;
  }
  throw error;
}

module.exports = { status, top };
