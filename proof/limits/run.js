#!/usr/bin/env node
'use strict';

// `npm run prove:limits`: what the hub bears. Ten thousand idle connections; beside them two thousand visitors a second
// for a minute, and a broadcast to a thousand; what is left when all have gone; hubs that hand ten thousand connections
// over to the next; and a hub that runs out of open files. Linux only: it reads /proc.

const { readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const { machineFacts, textTable } = require('../../bench/support/report.js');
const { judgeExhaustion, judgeSuccession } = require('./demands.js');
const { exhaust } = require('./exhaustion.js');
const { loadHub } = require('./load.js');
const { succeed } = require('./succession.js');

const CROWD = 10_000;
const VISITS = { perSecond: 2000, seconds: 60 };
const AUDIENCE = { receivers: 1000, rounds: 20 };
/** How often a hub hands its crowd over to the next. */
const SUCCESSIONS = 5;
/** How long, in seconds, the processor time of a hub without open files is measured. */
const IDLE_SECONDS = 3;
/** Open files that this process needs: for the crowd, the audience, and as many visitors as can pile up. */
const OPEN_FILES = 14_000;
const RESULTS = path.join(__dirname, 'results.json');

async function main() {
  checkOpenFiles();
  const began = Date.now();
  const { demands, usage } = await loadHub({ crowd: CROWD, visits: VISITS, audience: AUDIENCE }, tell);
  const succeeded = judged('succession', judgeSuccession(await succeed({ crowd: CROWD, rounds: SUCCESSIONS })));
  const exhausted = judged('exhaustion', judgeExhaustion(await exhaust({ idleSeconds: IDLE_SECONDS })));
  const all = [...demands, ...succeeded, ...exhausted];
  const report = { date: new Date().toISOString(), machine: machineFacts(), demands: all, usageEachSecond: usage };
  writeFileSync(RESULTS, `${JSON.stringify(report, undefined, 2)}\n`);
  const missed = all.filter(({ isMet }) => !isMet);
  const seconds = Math.round((Date.now() - began) / 1000);
  console.log(
    `\n${missed.length === 0 ? 'All demands are met' : `${missed.length} demands are MISSED`}; ${seconds} s.`,
  );
  process.exitCode = missed.length === 0 ? 0 : 1;
}

/** Tells a part's demands, and says of each which part it is of. */
function judged(part, demands) {
  tell(part, demands);
  return demands.map((demand) => ({ part, ...demand }));
}

/** Node.js has raised its soft limit to the hard one already. */
function checkOpenFiles() {
  const [, limit] = readFileSync('/proc/self/limits', 'utf8').match(/^Max open files\s+(\d+)/m);
  if (Number(limit) < OPEN_FILES) {
    throw new Error(
      `only ${limit} open files are allowed: run 'ulimit -Hn 20000' as root first, ${OPEN_FILES} are needed`,
    );
  }
}

function tell(part, demands) {
  const rows = demands.map(({ what, demanded, seen, isMet }) => [what, demanded, seen, isMet ? '' : 'MISSED']);
  console.log(`\n${textTable([[part, 'demanded', 'seen', ''], ...rows], [0, 3])}`);
}

main().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
