'use strict';

// What the hub's process takes, looked at from outside, and whether that grows.

const { readdirSync, readFileSync } = require('node:fs');
const http = require('node:http');

const { HOST } = require('../../__test__/cluster/support/hub.js');

/** How many samples a hub must have lived for before growth is told from its warming up. */
const LEAST_SAMPLES = 40;

/**
 * How much higher the mean of the last quarter may be than that of the second one. Memory: JavaScript's heap goes up
 * and down by some megabytes with its collections, and large values pass through; a leak of one kilobyte a message
 * would be far above. Files and threads: one connection may just be coming or going in a sample; nothing else changes
 * their number.
 */
const BOUNDS = {
  memory: { factor: 1.1, plus: 6 * 2 ** 20 },
  files: { factor: 1, plus: 2 },
  threads: { factor: 1, plus: 1 },
};

/** Clock ticks of `/proc/<pid>/stat` in a second, on every Linux. */
const TICKS = 100;

const kilobytes = (status, name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]) * 1024;

/**
 * What a process takes now.
 * @returns {{ memory: number, threads: number, files: number, processor: number }} In bytes, and seconds.
 */
function sampleProcess(pid) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const [, , userTicks, systemTicks] = /\) \S(?: -?\d+){10} ((\d+) (\d+))/.exec(
    readFileSync(`/proc/${pid}/stat`, 'utf8'),
  );
  return {
    memory: kilobytes(status, 'VmRSS'),
    threads: Number(/^Threads:\s+(\d+)/m.exec(status)[1]),
    files: readdirSync(`/proc/${pid}/fd`).length,
    processor: (Number(userTicks) + Number(systemTicks)) / TICKS,
  };
}

/** The hub's own figures, those of all databases added up. */
async function readMetrics(port) {
  const text = await get(port, '/metrics');
  const sums = {};
  for (const [, name, value] of text.matchAll(/^(\w+)(?:\{[^}]*\})? (\S+)$/gm)) {
    sums[name] = (sums[name] ?? 0) + Number(value);
  }
  return sums;
}

function get(port, path) {
  return new Promise((resolve, reject) => {
    const request = http.get({ host: HOST, port, path, agent: false, timeout: 5000 }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve(text));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error(`${path}: no answer`)));
  });
}

/**
 * Compares the last quarter of a process's life with the second one.
 * @param {{ memory: number, files: number, threads: number }[]} samples At even distances.
 * @returns {{ name: string, second: number, last: number, limit: number, isFlat: boolean }[]} Nothing where the life
 *   was too short.
 */
function compareQuarters(samples) {
  if (samples.length < LEAST_SAMPLES) {
    return [];
  }
  const quarter = Math.floor(samples.length / 4);
  return Object.entries(BOUNDS).map(([name, { factor, plus }]) => {
    const mean = (part) => part.reduce((sum, sample) => sum + sample[name], 0) / part.length;
    const second = mean(samples.slice(quarter, 2 * quarter));
    const last = mean(samples.slice(-quarter));
    const limit = second * factor + plus;
    return { name, second, last, limit, isFlat: last <= limit };
  });
}

module.exports = { compareQuarters, readMetrics, sampleProcess };
