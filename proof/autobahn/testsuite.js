'use strict';

// Autobahn|Testsuite, which runs under Python 2.7 only: where that is, how the testsuite is installed, and how it is
// run.

const { execFileSync, spawn } = require('node:child_process');
const { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } = require('node:fs');
const { homedir } = require('node:os');
const path = require('node:path');
const readline = require('node:readline');

const REQUIREMENTS = path.join(__dirname, 'requirements.txt');
const MISSING =
  'Python 2.7 with pip is missing: install it ("pyenv install 2.7.18", or your system\'s package), or name it in PYTHON2';
/**
 * Runs the testsuite from a folder of its own. Python reads namespace packages there only where it is a site folder.
 */
const WSTEST = 'import site, sys; site.addsitedir(sys.argv.pop(1)); from autobahntestsuite.wstest import run; run()';
/** The line that the testsuite prints before each case. */
const CASE_BEGINS = /^Running test case ID (\S+) for agent (\S+)/;

class Testsuite {
  #folder;
  #python;

  /** @param {string} folder Where it is installed, and what it writes. */
  constructor(folder) {
    this.#folder = folder;
    this.#python = findPython();
  }

  /** Installs it, unless it is there at these versions already. */
  install() {
    const packages = this.#packages;
    const stamp = path.join(packages, 'requirements.txt');
    const wanted = readFileSync(REQUIREMENTS, 'utf8');
    if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) {
      return;
    }
    console.log('Installing Autobahn|Testsuite …');
    const quiet = ['--quiet', '--disable-pip-version-check'];
    const install = ['-m', 'pip', 'install', ...quiet, '--upgrade', '--target', packages, '-r', REQUIREMENTS];
    execFileSync(this.#python, install, { stdio: ['ignore', 'inherit', 'ignore'] });
    writeFileSync(stamp, wanted);
  }

  /**
   * Runs the fuzzing client.
   * @param {object} spec What it is to test, in its own words.
   * @param {(agent: string, id: string) => void} onCase Called when a case begins.
   * @returns {Promise<Record<string, Record<string, object>>>} Of each agent the results of its cases.
   */
  async run(spec, onCase) {
    mkdirSync(this.#folder, { recursive: true });
    const reports = path.join(this.#folder, 'reports');
    const specFile = path.join(this.#folder, 'spec.json');
    writeFileSync(specFile, JSON.stringify({ ...spec, outdir: reports }));
    const client = ['-c', WSTEST, this.#packages, '--mode', 'fuzzingclient', '--spec', specFile, '--webport', '0'];
    const child = spawn(this.#python, client, { stdio: ['ignore', 'pipe', 'inherit'] });
    for await (const line of readline.createInterface({ input: child.stdout })) {
      const begins = CASE_BEGINS.exec(line);
      if (begins) {
        onCase(begins[2], begins[1]);
      }
    }
    return JSON.parse(readFileSync(path.join(reports, 'index.json'), 'utf8'));
  }

  get #packages() {
    return path.join(this.#folder, 'packages');
  }
}

function findPython() {
  const candidates = [process.env.PYTHON2, ...ofPyenv(), 'python2.7', 'python2'].filter(Boolean);
  const found = candidates.find(isGood);
  if (!found) {
    throw new Error(MISSING);
  }
  return found;
}

/** Those that pyenv has, chosen or not. */
function ofPyenv() {
  const versions = path.join(homedir(), '.pyenv/versions');
  const names = existsSync(versions) ? readdirSync(versions) : [];
  return names.filter((name) => name.startsWith('2.7.')).map((name) => path.join(versions, name, 'bin/python'));
}

function isGood(python) {
  try {
    execFileSync(python, ['-c', 'import sys, pip; assert sys.version_info[:2] == (2, 7)'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

module.exports = { Testsuite };
