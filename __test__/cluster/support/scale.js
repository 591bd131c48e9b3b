'use strict';

// How long the tests with faults go on: as long as it takes to see them work, or, with FAULTS_FULL=1, long enough to
// meet rare interleavings.

const SHORT = {
  /** How often the master is killed. */
  masterKills: 3,
  /** How often the hub is restarted in each way. */
  restarts: 3,
  /** How often it is killed: a lock whose release dies with it lasts for two minutes. */
  hubKills: 1,
  /** How long connections are cut, in milliseconds. */
  cuts: 12_000,
  /** How long a process is stopped, in milliseconds: longer than `releaseLocksAfter`. */
  standstill: 15_000,
  /**
   * How long clients are watched after the hub is back, in milliseconds: they die up to 10 s after a refused attempt.
   */
  aftermath: 13_000,
};

const FULL = { masterKills: 10, restarts: 20, hubKills: 4, cuts: 60_000, standstill: 30_000, aftermath: 30_000 };

module.exports = { scale: process.env.FAULTS_FULL === '1' ? FULL : SHORT };
