'use strict';

// Looks at the keepers of ports, from outside.

const { execFileSync } = require('node:child_process');
const { setTimeout: sleep } = require('node:timers/promises');

/** How long, in milliseconds, what must happen is waited for. */
const PATIENCE = 20_000;

/** All processes: `{ pid, parent, command }`. */
function processes() {
  const lines = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
  return lines.filter(Boolean).map((line) => {
    const [, pid, parent, command] = line.match(/^\s*(\d+)\s+(\d+)\s*(.*)$/);
    return { pid: Number(pid), parent: Number(parent), command };
  });
}

/** The keeper of a port, if there is one. */
function keeperOf(port) {
  return processes().find(
    ({ command }) => command.startsWith('acebase-ipc-server keeper') && command.includes(`/${port}-`),
  );
}

/** A process and everything that it has started, as process managers find it. */
function treeOf(pid) {
  const all = processes();
  const tree = [pid];
  for (const found of tree) {
    tree.push(...all.filter(({ parent }) => parent === found).map((child) => child.pid));
  }
  return tree;
}

/** Waits until `probe` gives something, and gives that. */
async function eventually(probe) {
  const until = Date.now() + PATIENCE;
  while (Date.now() < until) {
    const found = await probe();
    if (found) {
      return found;
    }
    await sleep(20);
  }
  throw new Error(`did not happen within ${PATIENCE} ms: ${probe}`);
}

/** Waits until a port has a keeper, and gives it. */
function keeperThere(port) {
  return eventually(() => keeperOf(port));
}

/** Waits until a port has none. */
function keeperGone(port) {
  return eventually(() => !keeperOf(port));
}

module.exports = { eventually, keeperGone, keeperOf, keeperThere, treeOf };
