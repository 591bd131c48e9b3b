'use strict';

// The ways to restart a hub under load, and what is promised for each.

const { runCommand, runPaused, runPm2, runTls } = require('./hubs.js');

/** How much longer than the hub was away a write may take, in milliseconds, on a machine that does nothing else. */
const SLACK = 1000;

/** The same where other tests run beside it. */
const SHARED_SLACK = 4000;

/** The published client throws when it sends while it reconnects, and where its own code awaits nothing it ends. */
const OWN_THROW = /readyState 0 \(CONNECTING\)/;

/**
 * Tells what is not as promised.
 * @typedef {(figures: import('./trial.js').Figures, slack: number) => string[]} Demand
 */

/** @type {Record<string, Demand>} */
const DEMANDS = {
  nothingHangs: ({ hung }) => complain(hung, 'writes or reads hung'),
  nothingIsRejected: ({ rejections }) => complain(rejections.length, 'writes or reads were rejected'),
  connectionsStay: ({ reconnections }) => complain(reconnections, 'connections were lost'),
  nobodyEnds: ({ ends }) => complain(ends.length, 'processes ended'),
  onlyOwnEnds: ({ ends }) => complain(withoutOwn(ends).length, 'processes ended, and not by what they sent themselves'),
  eventsComeOnce: ({ events: { lost, doubled } }) => [
    ...complain(lost, 'events were lost'),
    ...complain(doubled, 'events came twice'),
  ],
  filesAreWhole: ({ damage }) => (damage === undefined ? [] : [`the files cannot be read: ${damage}`]),
  nothingIsMissing: ({ missing }) => complain(missing, 'confirmed writes are not in the files'),
  waitsAreShort: ({ restarts }, slack) =>
    restarts
      .filter(({ absence, longest }) => longest > absence + slack)
      .map(({ absence, longest }) => `a write took ${longest} ms where the hub was away for ${absence} ms`),
  stallsAreRare: ({ stalls, restarts }) =>
    complain(stalls > restarts.length / 20 ? stalls : 0, 'restarts made somebody hang'),
  loadWasThere: ({ confirmed, restarts }) => (confirmed > 10 * restarts.length ? [] : ['there was no load']),
};

const COMMON = [DEMANDS.loadWasThere, DEMANDS.filesAreWhole, DEMANDS.nothingIsMissing];

const UNNOTICED = [
  ...COMMON,
  DEMANDS.nobodyEnds,
  DEMANDS.nothingHangs,
  DEMANDS.nothingIsRejected,
  DEMANDS.connectionsStay,
  DEMANDS.eventsComeOnce,
  DEMANDS.waitsAreShort,
];

/**
 * @typedef {object} Variant
 * @property {string} name
 * @property {string} what
 * @property {(t: object) => Promise<import('./hubs.js').RunningHub>} run
 * @property {{ every: number, bytes: number }} [long] Some of the load's values are long.
 * @property {Demand[]} demands
 */

/** Nobody notices these. @type {Variant[]} */
const SEAMLESS = [
  {
    name: 'command',
    what: 'the command is told to end, and started again',
    run: (t) => runCommand(t, 'terminate'),
    demands: UNNOTICED,
  },
  {
    name: 'pm2-restart',
    what: 'a script of three lines, pm2 restart',
    run: (t) => runPm2(t, 'restart', 'fork'),
    demands: UNNOTICED,
  },
  {
    name: 'pm2-reload',
    what: 'a script of three lines, pm2 reload',
    run: (t) => runPm2(t, 'reload', 'fork'),
    demands: UNNOTICED,
  },
  {
    name: 'tls',
    what: 'with TLS: the command is told to end, and started again',
    run: runTls,
    demands: UNNOTICED,
  },
];

/** Connections break in these, and nothing that was confirmed is lost. @type {Variant[]} */
const ROUGH = [
  {
    name: 'kill',
    what: 'the command, which is to survive crashes, is killed and started again',
    run: (t) => runCommand(t, 'end', ['survive_crash=1']),
    demands: [...COMMON, DEMANDS.onlyOwnEnds, DEMANDS.stallsAreRare],
  },
];

/** Tried when named. @type {Variant[]} */
const OPTIONAL = [
  {
    name: 'pause',
    what: 'no restart: the command stands still for a moment, to see that the demands can be met on this machine',
    run: runPaused,
    demands: UNNOTICED,
  },
  {
    name: 'command-long',
    what: 'the command, with values that clients send in POSTs and get in long frames',
    run: (t) => runCommand(t, 'terminate'),
    long: { every: 10, bytes: 100_000 },
    demands: UNNOTICED,
  },
  {
    name: 'tls-1.2',
    what: 'the command, with clients that speak TLS 1.2, whose connections are closed',
    run: (t) => runTls(t, ['--tls-max-v1.2']),
    demands: [...COMMON, DEMANDS.onlyOwnEnds],
  },
  {
    // Advised against: it starts the next hub before it ends the last one.
    name: 'pm2-reload-cluster',
    what: "a script of three lines in pm2's cluster mode, pm2 reload",
    run: (t) => runPm2(t, 'reload', 'cluster'),
    demands: UNNOTICED,
  },
];

function withoutOwn(texts) {
  return texts.filter((text) => !OWN_THROW.test(text));
}

function complain(count, what) {
  return count > 0 ? [`${count} ${what}`] : [];
}

/** What is not as promised. */
function judge({ demands }, figures, slack = SLACK) {
  return demands.flatMap((demand) => demand(figures, slack));
}

module.exports = { judge, OPTIONAL, ROUGH, SEAMLESS, SHARED_SLACK };
