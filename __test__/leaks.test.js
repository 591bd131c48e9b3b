'use strict';

// That a server leaves nothing behind in its process, however often it is started and stopped, and whatever clients do
// meanwhile.

const assert = require('node:assert/strict');
const path = require('node:path');
const { test } = require('node:test');

const { noProc } = require('./support/platform.js');
const { start } = require('./support/process.js');

const SCRIPT = path.join(__dirname, '..', 'proof', 'leaks', 'cycles.js');
/** Lives of servers before the first look: so many it takes until the engine and the allocator have what they need. */
const WARM_UP = 400;
const CYCLES = 400;
/**
 * How much memory the process may gain in all of them, in bytes: ten kilobytes a life. The smallest server that is not
 * freed has more. What comes and goes with the allocator's and the engine's moods was seen to be three megabytes while
 * they warm up, however many lives that takes, and less afterwards.
 */
const GAIN = 4 * 1024 * 1024;

test('four hundred lives of a server leave nothing behind', { skip: noProc }, async (t) => {
  // A small young generation and a single pool of memory, so that what is free is given back or used, and does not look
  // like a leak.
  const args = ['--expose-gc', '--max-semi-space-size=1', SCRIPT, `${WARM_UP}`, `${CYCLES}`];
  const { code, stdout, stderr } = await start(t, process.execPath, args, {
    env: { ...process.env, MALLOC_ARENA_MAX: '1' },
  }).ended;
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' });
  const { before, after } = JSON.parse(stdout);
  assert.deepEqual(counted(after), counted(before));
  for (const memory of ['rss', 'heapUsed']) {
    assert.ok(after[memory] - before[memory] < GAIN, `${memory}: ${before[memory]} bytes became ${after[memory]}`);
  }
});

/** What must not change at all: threads, files, handles, and what else keeps a process alive. */
function counted({ threads, files, handles, resources }) {
  return { threads, files, handles, resources };
}
