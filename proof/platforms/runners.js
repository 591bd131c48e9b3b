'use strict';

// Runs a script with the addon of a target, on a Node.js of its platform.

const { closeSync, existsSync, mkdirSync, openSync, readFileSync } = require('node:fs');
const path = require('node:path');

const { must, run } = require('./command.js');
const { MUSL_ARM64 } = require('./fetch.js');
const { addonOf, inWork, nodeOf, PYTHON, ROOT } = require('./places.js');
const { Runner } = require('./targets.js');

/** A script that runs longer than this, in milliseconds, hangs. */
const LIMIT = 10 * 60_000;

const WINE = '/usr/lib/wine/wine64';
const WINE_ENVIRONMENT = { WINEPREFIX: inWork('wine'), WINEDEBUG: '-all', WINEARCH: 'win64' };

/** Each gives the command that runs a target's Node.js, and what its environment must have. */
const RUNNERS = {
  [Runner.HERE]: () => ({ command: [process.execPath] }),
  [Runner.QEMU]: (target) => ({ command: ['qemu-aarch64-static', '-L', '/usr/aarch64-linux-gnu', nodeOf(target)] }),
  [Runner.MUSL]: (target) => ({ command: muslNode('/lib/ld-musl-x86_64.so.1', 'x86_64', target) }),
  [Runner.QEMU_MUSL]: (target) => ({ command: ['qemu-aarch64-static', ...muslNode(MUSL_ARM64, 'aarch64', target)] }),
  [Runner.WINE]: (target) => ({ command: wineNode(target), env: WINE_ENVIRONMENT, ofSystem: (file) => `Z:${file}` }),
};

/**
 * What runs scripts for a target; `undefined`: nothing does.
 * @param {import('./targets.js').Target} target
 * @returns {((script: string, ...args: string[]) => { isGood: boolean, said: string }) | undefined}
 */
function runnerOf(target) {
  const { command, env, ofSystem = (file) => file } = RUNNERS[target.runner]?.(target) ?? {};
  if (!command) {
    return undefined;
  }
  const [program, ...before] = command;
  const environment = { ...process.env, ...env, NAPI_RS_NATIVE_LIBRARY_PATH: ofSystem(addonOf(target)) };
  return (script, ...files) => {
    // Wine's programs write to files only.
    const log = inWork(`${target.name}.log`);
    const output = openSync(log, 'w');
    const args = [...before, ofSystem(script), ...files.map(ofSystem)];
    const options = { cwd: ROOT, env: environment, stdio: ['ignore', output, output], timeout: LIMIT };
    const { isGood, said } = run(program, args, options);
    closeSync(output);
    return { isGood, said: readFileSync(log, 'utf8') + said };
  };
}

/** Debian's loader is too old for the libraries of this Node.js: see relr.c. */
function muslNode(loader, processor, target) {
  const library = inWork(`relr-${processor}.so`);
  const compile = ['cc', '-target', `${processor}-linux-musl`, '-shared', '-O1', '-o', library];
  must(path.join(PYTHON, 'bin', 'python'), ['-m', 'ziglang', ...compile, path.join(__dirname, 'relr.c')]);
  return [loader, '--preload', library, nodeOf(target)];
}

/** Wine 8 is of Windows 7 unless it is told, and lacks a library that Rust's takes its random numbers from. */
function wineNode(target) {
  const system = path.join(WINE_ENVIRONMENT.WINEPREFIX, 'drive_c', 'windows', 'system32');
  const env = { ...process.env, ...WINE_ENVIRONMENT };
  if (!existsSync(path.join(system, 'bcryptprimitives.dll'))) {
    mkdirSync(WINE_ENVIRONMENT.WINEPREFIX, { recursive: true });
    const ignore = { env, stdio: 'ignore' };
    run(WINE, ['wineboot', '--init'], ignore);
    must(WINE, ['reg', 'add', 'HKCU\\Software\\Wine', '/v', 'Version', '/d', 'win10', '/f'], ignore);
    const library = path.join(system, 'bcryptprimitives.dll');
    const source = path.join(__dirname, 'bcryptprimitives.c');
    must('x86_64-w64-mingw32-gcc', ['-shared', '-O1', '-o', library, source, '-ladvapi32']);
  }
  return [WINE, nodeOf(target)];
}

module.exports = { runnerOf };
