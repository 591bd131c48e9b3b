'use strict';

// The addon under AddressSanitizer and LeakSanitizer, inside Node.js, while servers live their lives.

const { spawnSync } = require('node:child_process');
const { existsSync } = require('node:fs');
const path = require('node:path');

const { withAddon, withAsan } = require('./addon.js');
const { whyNoAsan } = require('./rust.js');

/** Lives of servers: each variant of a cycle several times. */
const CYCLES = 20;
/** What is not a leak, and why. */
const NOT_LEAKS = path.join(__dirname, 'not-leaks.txt');
/** How long it may take, in milliseconds. */
const PATIENCE = 5 * 60 * 1000;

/** Why it cannot run here, or `undefined`. */
function whyNoAddonAsan() {
  return whyNoAsan() ?? (runtime() ? undefined : 'install GCC, or its libasan: the shared runtime of AddressSanitizer');
}

/** The shared runtime: Rust has a static one only, which must be in the program itself, and that is Node.js. */
function runtime() {
  const { stdout } = spawnSync('gcc', ['-print-file-name=libasan.so'], { encoding: 'utf8' });
  const file = stdout?.trim();
  return file && path.isAbsolute(file) && existsSync(file) ? file : undefined;
}

/** @returns {{ isGood: boolean, seen: string, output: string }} */
function checkAddonWithAsan(script) {
  return withAddon(withAsan(), (env) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', script, '0', `${CYCLES}`], {
      encoding: 'utf8',
      env: {
        ...env,
        LD_PRELOAD: runtime(),
        ASAN_OPTIONS: 'detect_leaks=1',
        LSAN_OPTIONS: `suppressions=${NOT_LEAKS}:print_suppressions=0`,
      },
      timeout: PATIENCE,
      killSignal: 'SIGKILL',
    });
    const found = stderr.match(/^SUMMARY: AddressSanitizer: (\S+.*?)( \(|$)/m)?.[1];
    return { isGood: status === 0, seen: found ?? `ended with ${status}, nothing found`, output: stdout + stderr };
  });
}

module.exports = { checkAddonWithAsan, whyNoAddonAsan };
