'use strict';

// The command `acebase-ipc-server handover`, which has a database go from a running hub of several to another one, with
// all that this one has in memory of it.

const { printable, printableJson } = require('../printable.js');
const { ask, refusedToken, NoAnswer } = require('./inquiry.js');
const { fetchReport } = require('./report.js');

/**
 * How long it may take, in milliseconds: what is under way has `drainTimeout` to end, and connections `flushTimeout`.
 */
const PATIENCE = 60_000;

const EXIT = { done: 0, notDone: 2 };

/**
 * @param {import('./look.js').Look} look
 * @returns {Promise<number>} The exit code.
 */
async function handover(look) {
  // The database is found under AceBase's own name, too.
  await fetchReport(look, { limit: 0 });
  const { db, to } = look;
  const { status, body } = await ask(look, '/handover', { db, to }, 'POST', PATIENCE);
  if (status === 401) {
    throw look.token
      ? refusedToken(look)
      : new NoAnswer(`${look.url.origin} lets only this machine do that, unless it asks for a token`);
  }
  if (status !== 200) {
    console.error(printable(`acebase-ipc-server: ${db} was not handed over: ${body.replace(/^\d+ /, '')}`));
    return EXIT.notDone;
  }
  if (look.json) {
    console.log(printableJson(body));
    return EXIT.done;
  }
  const { owner, address } = JSON.parse(body);
  console.log(printable(`${db} is at the hub ${owner} at ${address} now; its clients connect anew, and go on there`));
  return EXIT.done;
}

module.exports = { handover };
