'use strict';

// What the benchmarks' commands have in common: how they read their arguments, and how they end.

const { parseArgs } = require('node:util');

const EXIT_NO_RUN = 2;

/**
 * Reads the command's arguments; `--help` prints its help, and ends the process.
 * @param {string} help
 * @param {import('node:util').ParseArgsConfig} config
 */
function readArguments(help, { options, ...others } = {}) {
  const { values, positionals } = parseArgs({ ...others, options: { ...options, help: { type: 'boolean' } } });
  if (values.help) {
    console.log(help);
    process.exit(0);
  }
  return { values, positionals };
}

/** Runs a command; what fails, ends it with one line. */
async function runCommand(main) {
  try {
    await main();
  } catch (error) {
    console.error(error.message);
    process.exit(EXIT_NO_RUN);
  }
}

module.exports = { EXIT_NO_RUN, readArguments, runCommand };
