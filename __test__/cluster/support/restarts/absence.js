'use strict';

// How long a hub is away, as its visitors see it: the longest time between two of its answers.

const http = require('node:http');
const https = require('node:https');

const { HOST } = require('../hub.js');
const { sleep } = require('../wait.js');

/** How often the hub is asked for a sign of life, in milliseconds. */
const INTERVAL = 20;

/** How long one answer is waited for, in milliseconds; a connection that a hub has lost is never answered. */
const ANSWER_LIMIT = 2000;

/** How long the hub is watched after its return, in milliseconds: some answer must have come. */
const AFTERWARDS = 300;

/**
 * Restarts a hub.
 * @param {{ port: number, isTls: boolean, restart: () => Promise<void> }} hub
 * @returns {Promise<{ from: number, to: number, absence: number }>} When it answered last before, and first after, in
 *   milliseconds since the epoch; and how long that was.
 */
async function watchRestart(hub) {
  const answers = [Date.now()];
  let isOver = false;
  const asking = (async () => {
    while (!isOver) {
      await ask(hub).then(
        () => answers.push(Date.now()),
        () => {},
      );
      await sleep(INTERVAL);
    }
  })();
  try {
    await hub.restart();
    await sleep(AFTERWARDS);
  } finally {
    isOver = true;
    await asking;
  }
  answers.push(Date.now());
  return longestGap(answers);
}

function longestGap(times) {
  let longest = { from: times[0], to: times[0], absence: 0 };
  for (let n = 1; n < times.length; n++) {
    const absence = times[n] - times[n - 1];
    if (absence > longest.absence) {
      longest = { from: times[n - 1], to: times[n], absence };
    }
  }
  return longest;
}

function ask({ port, isTls }) {
  const options = { host: HOST, port, path: '/mydb_data/clients', agent: false, rejectUnauthorized: false };
  return new Promise((resolve, reject) => {
    const request = (isTls ? https : http).get({ ...options, timeout: ANSWER_LIMIT }, (response) => {
      response.resume();
      response.on('end', resolve);
      response.on('error', reject);
    });
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error('no answer')));
  });
}

module.exports = { watchRestart };
