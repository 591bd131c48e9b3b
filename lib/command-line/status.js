'use strict';

// The commands `acebase-ipc-server status`, which prints how a running server is, and `… top`, which goes on doing so.

const { setTimeout: sleep } = require('node:timers/promises');

const { fetchReport, withRates, troubles, NoReport } = require('./report.js');
const { toLines } = require('./report-text.js');
const { printableJson } = require('../printable.js');
const { openScreen } = require('./screen.js');

/** Time between two reports, in milliseconds; rates are what has grown in it. */
const INTERVAL = 1000;

/** Clients and locks of each database that `top` shows: those that matter most. A terminal has no room for more. */
const TOP_LIMIT = 40;

/** What the commands end with. */
const EXIT = { well: 0, noReport: 1, notWell: 2 };

/**
 * Prints how a server is, once.
 * @param {import('./look.js').Look} look
 * @returns {Promise<number>} The exit code.
 */
async function status(look) {
  try {
    const before = await fetchReport(look);
    await sleep(INTERVAL);
    const report = withRates(before, await fetchReport(look));
    const found = troubles(report, look.db);
    console.log(
      look.json
        ? printableJson(JSON.stringify({ ...report, troubles: found }, null, 2))
        : toLines(report, found, look.url.origin).join('\n'),
    );
    return found.length > 0 ? EXIT.notWell : EXIT.well;
  } catch (error) {
    return sayNoReport(error);
  }
}

/**
 * Shows how a server is until it is told to end.
 * @param {import('./look.js').Look} look
 * @returns {Promise<number>} The exit code.
 */
async function top(look) {
  try {
    // What is wrong from the beginning will hardly come right: no screen is opened for it.
    await follow(look, await fetchReport(look, { limit: TOP_LIMIT }));
    return EXIT.well;
  } catch (error) {
    return sayNoReport(error);
  }
}

/** A server that does not answer any more may be restarting, so it is asked again. */
async function follow(look, first) {
  const screen = openScreen();
  let before = first;
  try {
    while (await screen.isOpenAfter(INTERVAL)) {
      const now = await fetchReport(look, { limit: TOP_LIMIT }).catch(asNoReport);
      screen.show(now instanceof NoReport ? [now.message] : view(withRates(before, now), look));
      before = now instanceof NoReport ? before : now;
    }
  } finally {
    screen.close();
  }
}

function view(report, look) {
  return toLines(report, troubles(report, look.db), look.url.origin);
}

/** Only what is known to go wrong is taken for a missing report. */
function asNoReport(error) {
  if (error instanceof NoReport) {
    return error;
  }
  throw error;
}

function sayNoReport(error) {
  console.error(`acebase-ipc-server: ${asNoReport(error).message}`);
  return EXIT.noReport;
}

module.exports = { status, top };
