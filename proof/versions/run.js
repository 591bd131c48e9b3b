#!/usr/bin/env node
'use strict';

// `npm run try:versions -- 1.12.3 1.28.1`: whether published versions of AceBase work with this server. Each is
// installed from the registry into a temporary folder, and runs a small cluster of real processes. Ends with 1 if
// anything has failed.

const { execFileSync } = require('node:child_process');
const { writeFileSync } = require('node:fs');
const path = require('node:path');

const { makeFolder } = require('../../__test__/support/folder.js');
const { RunScope } = require('../soak/run-scope.js');
const { STEPS, tryCluster } = require('./trial.js');

/** A version as npm names it. */
const VERSION = /^\d+\.\d+\.\d+(-[\w.]+)?$/;

/** The WebSocket client that AceBase needs for this and does not install. */
const WS = 'ws@8';

/** How long npm may take, in milliseconds. */
const NPM_LIMIT = 180_000;

/** Nothing but the packages is of interest. */
const INSTALL_OPTIONS = ['--no-audit', '--no-fund', '--no-save', '--ignore-scripts', '--loglevel=error'];

async function main(versions) {
  const odd = versions.filter((version) => !VERSION.test(version));
  if (versions.length === 0 || odd.length > 0) {
    throw new Error(`${odd.join(', ')}\nUsage: npm run try:versions -- 1.12.3 1.28.1 …`.trim());
  }
  const rows = [];
  for (const version of versions) {
    const outcomes = await tryVersion(version);
    console.error(`${version}: ${outcomes.join(', ')}`);
    rows.push([version, ...outcomes]);
  }
  console.log(
    `${new Date().toISOString().slice(0, 10)}, Node.js ${process.version}, ${process.platform}-${process.arch}\n`,
  );
  console.log(markdownTable(['acebase', ...STEPS], rows));
  process.exitCode = rows.every(([, ...outcomes]) => outcomes.every((outcome) => outcome === 'yes')) ? 0 : 1;
}

/** What came of each step. */
async function tryVersion(version) {
  const scope = new RunScope();
  const folder = makeFolder(scope, version);
  try {
    return await tryCluster(scope, install(folder, version));
  } catch (error) {
    return [`not tried: ${error.message.split('\n')[0]}`];
  } finally {
    await scope.end();
  }
}

/** Installs a version with the core that it was published with. @returns {string} The folder of the package. */
function install(folder, version) {
  writeFileSync(path.join(folder, 'package.json'), '{ "private": true }');
  const range = npm(folder, 'view', `acebase@${version}`, 'dependencies.acebase-core');
  const core = oldest(JSON.parse(npm(folder, 'view', '--json', `acebase-core@${range}`, 'version')));
  npm(folder, 'install', ...INSTALL_OPTIONS, `acebase@${version}`, `acebase-core@${core}`, WS);
  return path.join(folder, 'node_modules', 'acebase');
}

/**
 * The oldest version of a core is the one of its time: the newest one breaks old versions, with and without a server.
 */
function oldest(versions) {
  const [first] = [versions].flat().toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  return first;
}

/** @returns {string} What npm has printed. */
function npm(cwd, ...args) {
  const options = { cwd, encoding: 'utf8', timeout: NPM_LIMIT, shell: process.platform === 'win32' };
  return execFileSync('npm', args, { ...options, stdio: ['ignore', 'pipe', 'inherit'] }).trim();
}

function markdownTable(head, rows) {
  const lines = [head, head.map(() => '---'), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error.message);
  process.exit(1);
});
