'use strict';

// The commands `acebase-ipc-server trace`, which prints the messages of a database as they are carried, and `… kick`,
// which closes one client's connection.

const { setTimeout: sleep } = require('node:timers/promises');

const { printable, printableJson } = require('../printable.js');
const words = require('../words.js');
const { ask, refusedToken, NoAnswer } = require('./inquiry.js');
const { fetchReport } = require('./report.js');

/** Time between two questions, in milliseconds. */
const INTERVAL = 500;

const EXIT = { done: 0, noAnswer: 1, noClient: 2 };

/**
 * Prints messages until it is told to end.
 * @param {import('./look.js').Look} look
 * @returns {Promise<number>} The exit code.
 */
async function trace(look) {
  // The database is found under AceBase's own name, too.
  await fetchReport(look, { limit: 0 });
  let isOver = false;
  for (const signal of ['SIGINT', 'SIGTERM']) {
    process.once(signal, () => {
      isOver = true;
    });
  }
  process.stdout.on('error', () => {
    isOver = true;
  });
  const { db, client } = look;
  while (!isOver) {
    const { messages, leftOut } = JSON.parse(await deed(look, '/trace', { db, client }));
    for (const message of messages) {
      console.log(look.json ? printableJson(JSON.stringify(message)) : toLine(message));
    }
    if (leftOut > 0) {
      console.error(`acebase-ipc-server: ${words.counted(leftOut, 'message')} more were left out`);
    }
    await sleep(INTERVAL);
  }
  return EXIT.done;
}

function toLine({ at, from, to, bytes, fate, text }) {
  const time = new Date(at).toISOString().slice(11, 23);
  return printable(`${time} ${from ?? 'the server'} > ${to ?? 'all'} ${words.bytes(bytes)} ${fate} ${text}`);
}

/**
 * Closes one client's connection.
 * @param {import('./look.js').Look} look
 * @returns {Promise<number>} The exit code.
 */
async function kick(look) {
  await fetchReport(look, { limit: 0 });
  const { db, client } = look;
  const done = await deed(look, '/kick', { db, client });
  if (done === undefined) {
    console.error(printable(`acebase-ipc-server: no client ${client} of database ${db} is connected`));
    return EXIT.noClient;
  }
  console.log(printable(`The connection of ${client} of ${db} is closed, and its session has ended`));
  return EXIT.done;
}

/** @returns {Promise<string | undefined>} `undefined`: there is no such client. */
async function deed(look, path, parameters) {
  const { status, body } = await ask(look, path, parameters, 'POST');
  switch (status) {
    case 200:
      return body;
    case 404:
      return undefined;
    case 401:
      throw look.token
        ? refusedToken(look)
        : new NoAnswer(`${look.url.origin} lets only this machine do that, unless it asks for a token`);
    default:
      throw new NoAnswer(`${look.url.origin} answered ${status}: ${body}`);
  }
}

module.exports = { kick, trace };
