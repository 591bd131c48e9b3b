'use strict';

// The addon under valgrind's memcheck, inside Node.js, while servers live their lives. Node.js itself is full of what
// valgrind complains of, so that only what has the addon in its stack counts.

const { spawnSync } = require('node:child_process');
const { mkdtempSync, readFileSync, rmSync } = require('node:fs');
const { tmpdir } = require('node:os');
const path = require('node:path');

/** Lives of servers: each variant of a cycle twice. */
const CYCLES = 8;
/**
 * The addon's function, named also where its symbols are stripped, below which nothing counts as lost: Node.js's
 * references to the addon's classes are made there, once, and are needed until the process ends.
 */
const REGISTRATION = 'napi_register_module_v1';
/** Frames of a stack: the addon's allocations lie deep, below the async runtime's. */
const FRAMES = 50;
/** How long it may take, in milliseconds: valgrind is some thirty times slower. */
const PATIENCE = 15 * 60 * 1000;

/** Whether valgrind is there. */
function hasValgrind() {
  return spawnSync('valgrind', ['--version'], { stdio: 'ignore' }).status === 0;
}

/**
 * @param {string} script What Node.js runs, and its arguments.
 * @param {object} env Its environment.
 * @returns {{ status: number | null, output: string, faults: Fault[], others: number }} `faults`: with the addon in
 *   their stacks; `others`: how many have not.
 */
function memcheck(script, env) {
  const folder = mkdtempSync(path.join(tmpdir(), 'acebase-ipc-memcheck-'));
  const report = path.join(folder, 'report.xml');
  try {
    const valgrind = [
      '--tool=memcheck',
      '--leak-check=full',
      '--show-leak-kinds=definite',
      // The assembly of the ciphers works on whole vectors, of which only parts have values: that looks undefined, and
      // is not wrong.
      '--undef-value-errors=no',
      `--num-callers=${FRAMES}`,
      '--keep-debuginfo=yes',
      // The server's threads take turns on one processor under valgrind: fairly, or they starve each other.
      '--fair-sched=yes',
      '--xml=yes',
      `--xml-file=${report}`,
    ];
    const node = [process.execPath, '--expose-gc', script, '0', `${CYCLES}`];
    const { status, stdout, stderr } = spawnSync('valgrind', [...valgrind, ...node], {
      encoding: 'utf8',
      env,
      timeout: PATIENCE,
      killSignal: 'SIGKILL',
    });
    const faults = readFaults(readFileSync(report, 'utf8'));
    const own = faults.filter(concernsAddon);
    return { status, output: stdout + stderr, faults: own, others: faults.length - own.length };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** @typedef {{ kind: string, what: string, frames: { object: string, place: string }[] }} Fault */

/** @returns {Fault[]} all faults of a report of valgrind's (its XML protocol 4) */
function readFaults(xml) {
  return elements(xml, 'error').map((error) => ({
    kind: text(error, 'kind'),
    what: text(error, 'text') || text(error, 'what'),
    frames: elements(error, 'frame').map((frame) => ({
      object: text(frame, 'obj'),
      place: text(frame, 'fn') || text(frame, 'ip'),
    })),
  }));
}

function concernsAddon({ kind, frames }) {
  const isRegistration = kind.startsWith('Leak_') && frames.some(({ place }) => place === REGISTRATION);
  return frames.some(isOfAddon) && !isRegistration;
}

function isOfAddon({ object }) {
  return object.endsWith('.node');
}

function elements(xml, name) {
  return Array.from(xml.matchAll(new RegExp(`<${name}>(.*?)</${name}>`, 'gs')), ([, content]) => content);
}

function text(xml, name) {
  const [content = ''] = elements(xml, name);
  return content.replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&amp;/g, '&');
}

/** A fault for a person: what it is, and where in the addon. */
function describe({ kind, what, frames }) {
  const places = frames.filter(isOfAddon).map(({ place }) => `    ${place}`);
  return [`${kind}: ${what}`, ...places].join('\n');
}

module.exports = { describe, hasValgrind, memcheck };
