'use strict';

// The command `acebase-ipc-server doctor`: checks a set-up on this machine, one line for each check, and what to do
// where something is wrong.

const path = require('node:path');

const { findings } = require('../doctor/findings.js');
const { filesInUse } = require('../doctor/files-in-use.js');
const { packagesAt } = require('../doctor/packages.js');
const { printable } = require('../printable.js');
const { NoAnswer } = require('./inquiry.js');
const { fetchReport } = require('./report.js');

const EXIT = { well: 0, wrong: 2 };

/** What each verdict is called. */
const WORDS = { ok: 'ok   ', note: 'note ', wrong: 'WRONG' };

/**
 * Prints what it has found.
 * @param {import('./look.js').Look} look
 * @returns {Promise<number>} The exit code.
 */
async function doctor(look) {
  const asked = Date.now();
  const answer = await fetchReport(look).catch((error) => {
    if (error instanceof NoAnswer) {
      return error;
    }
    throw error;
  });
  const found = findings({
    report: answer instanceof NoAnswer ? undefined : answer,
    failure: answer instanceof NoAnswer ? answer.message : undefined,
    origin: look.url.origin,
    db: look.db,
    hasToken: Boolean(look.token),
    asked,
    answered: Date.now(),
    version: require('../../package.json').version,
    packages: packagesAt(process.cwd()),
    files: filesInUse(),
    folder: path.resolve('.'),
  });
  for (const { verdict, what, advice } of found) {
    console.log(`${WORDS[verdict]} ${printable(what)}`);
    if (advice) {
      console.log(`      -> ${printable(advice)}`);
    }
  }
  return found.some(({ verdict }) => verdict === 'wrong') ? EXIT.wrong : EXIT.well;
}

module.exports = { doctor };
