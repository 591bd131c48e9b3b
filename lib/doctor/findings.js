'use strict';

// What is right and what is wrong with a set-up, from what was seen of it. Pure.

const words = require('../words.js');

/** The published versions of AceBase that were tried. */
const TRIED = { from: [1, 12, 3], to: [1, 29, 13] };

/** Clocks that differ by more than this, in milliseconds, are wrong: locks expire by the time of day. */
const MAX_SKEW = 2000;

/**
 * @typedef {{ verdict: 'ok' | 'note' | 'wrong', what: string, advice?: string }} Finding
 * @param {object} seen
 * @returns {Finding[]}
 */
function findings(seen) {
  const { report } = seen;
  return [
    ...(report ? ofServer(seen) : [wrong(seen.failure, 'Start the server, or name it: doctor host:port')]),
    ...ofPackages(seen.packages),
    ...(report ? ofDatabases(seen) : []),
    ...(report ? ofFiles(seen) : []),
  ];
}

function ofServer({ report, origin, hasToken, asked, answered, version }) {
  const { server } = report;
  const found = [ok(`an AceBase IPC server ${server.version} answers at ${origin}`)];
  if (server.version !== version) {
    found.push(note(`this command is of version ${version}`, 'Install the same version on both sides'));
  }
  if (hasToken) {
    found.push(ok('it takes the token'));
  }
  // Its clock was read at some time between the question and the answer.
  const skew = Math.max(asked - server.now, server.now - answered, 0);
  found.push(
    skew > MAX_SKEW
      ? wrong(
          `its clock and that of this machine differ by ${words.duration(skew)}`,
          'Set both by NTP: locks expire by the time of day',
        )
      : ok('its clock and that of this machine agree'),
  );
  return found;
}

function ofPackages({ acebase, acebaseServer, ws }) {
  const found = [];
  if (!acebase && !acebaseServer) {
    found.push(note('neither acebase nor acebase-server is installed here', 'Run doctor where your processes run'));
    return found;
  }
  if (acebase) {
    found.push(
      isTried(acebase)
        ? ok(`acebase ${acebase} is one of the versions that were tried`)
        : note(
            `acebase ${acebase} is none of the versions that were tried`,
            `Those are ${TRIED.from.join('.')} to ${TRIED.to.join('.')}`,
          ),
    );
  }
  found.push(
    ws
      ? ok(`ws ${ws} is installed, which acebase connects with`)
      : wrong('ws is not installed, which acebase connects with', 'npm install ws'),
  );
  return found;
}

function isTried(version) {
  const parts = version.split(/[.-]/).slice(0, 3).map(Number);
  return compare(parts, TRIED.from) >= 0 && compare(parts, TRIED.to) <= 0;
}

function compare(a, b) {
  const at = a.findIndex((part, index) => part !== b[index]);
  return at < 0 ? 0 : a[at] - b[at];
}

function ofDatabases({ report, db }) {
  const found = report.troubles.map(({ level, dbname, text, advice }) => {
    const what = dbname === null ? text : `${dbname}: ${text}`;
    return level === 'info' ? note(what, advice) : wrong(what, advice);
  });
  for (const { name, peerCount } of report.databases.filter(({ masterPresent }) => masterPresent)) {
    found.push(ok(`${name} has a master, and ${words.counted(peerCount, 'client')} in all`));
  }
  if (report.databases.length === 0 && db === undefined) {
    found.push(note('no client is connected', 'Give your processes the address of this server: see the README'));
  }
  return found;
}

/** Whoever has the files open and is not connected writes into them without asking anybody. */
function ofFiles({ report, files }) {
  const connected = new Set(report.databases.flatMap(({ peers }) => peers.map(({ pid }) => pid)));
  const strangers = files.filter(({ pid }) => !connected.has(pid));
  if (files.length === 0) {
    return [];
  }
  return strangers.length === 0
    ? [ok(`whoever has database files open on this machine is connected: ${files.length} of them`)]
    : strangers.map(({ pid, command, folder }) =>
        wrong(
          `process ${pid} (${command}) has files of ${folder} open, and is not connected to this server`,
          'If it is of the same database: give it the `ipc` settings, or end it. Two that do not know of each other damage the files',
        ),
      );
}

const ok = (what) => ({ verdict: 'ok', what });
const note = (what, advice) => ({ verdict: 'note', what, advice });
const wrong = (what, advice) => ({ verdict: 'wrong', what, advice });

module.exports = { findings };
