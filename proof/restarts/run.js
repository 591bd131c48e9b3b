#!/usr/bin/env node
'use strict';

// `npm run prove:restarts`: the hub is restarted under the load of real processes, in each way that there is; what they
// notice, against what is promised.

const { writeFileSync } = require('node:fs');
const { parseArgs } = require('node:util');

const { makeTable, tellFigures } = require('../../__test__/cluster/support/restarts/report.js');
const { tryRestarts } = require('../../__test__/cluster/support/restarts/trial.js');
const { judge, OPTIONAL, ROUGH, SEAMLESS } = require('../../__test__/cluster/support/restarts/variants.js');
const { RunScope } = require('../soak/run-scope.js');

const VARIANTS = [...SEAMLESS, ...ROUGH, ...OPTIONAL];

const HELP = `npm run prove:restarts -- [--restarts 20] [--out report.json] [VARIANT …]
Where none is named, all are tried but for ${OPTIONAL.map(({ name }) => name).join(', ')}. The variants:
${VARIANTS.map(({ name, what }) => `  ${name.padEnd(20)} ${what}`).join('\n')}`;

async function main() {
  const { count, out, chosen } = readArguments();
  const rows = [];
  for (const variant of chosen) {
    rows.push(await play(variant, count));
  }
  console.log(`\n${makeTable(rows)}`);
  if (out) {
    writeFileSync(out, JSON.stringify(rows, undefined, 1));
  }
  process.exit(rows.every(({ isKept }) => isKept) ? 0 : 1);
}

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      restarts: { type: 'string', default: '20' },
      out: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const count = Number(values.restarts);
  const isKnown = positionals.every((name) => VARIANTS.some((variant) => variant.name === name));
  if (values.help || !isKnown || !(Number.isInteger(count) && count > 0)) {
    console.log(HELP);
    process.exit(values.help ? 0 : 2);
  }
  const isNamed = (variant) => positionals.includes(variant.name);
  const chosen = positionals.length > 0 ? VARIANTS.filter(isNamed) : [...SEAMLESS, ...ROUGH];
  return { count, out: values.out, chosen };
}

async function play(variant, count) {
  const { name, what } = variant;
  const tell = (line) => console.log(`  ${line}`);
  console.log(`\n${name}: ${what}`);
  const scope = new RunScope();
  try {
    const figures = await tryRestarts(scope, variant, count, tell);
    tellFigures(figures, tell);
    const faults = judge(variant, figures);
    for (const fault of faults) {
      tell(`MISSED: ${fault}`);
    }
    return { name, figures, isKept: faults.length === 0 };
  } catch (error) {
    tell(`MISSED: ${error.stack}`);
    return { name, isKept: false };
  } finally {
    await scope.end().catch((error) => tell(`not put away: ${error.message}`));
  }
}

main();
