'use strict';

// Another version of this package to test against: a checkout that is there and built, or one that is made of a
// revision.

const { spawnSync } = require('node:child_process');
const { existsSync, symlinkSync } = require('node:fs');
const path = require('node:path');

const { makeFolder } = require('../../__test__/support/folder.js');

const ROOT = path.join(__dirname, '..', '..');

/** How long the build of a revision may take, in milliseconds: a release build with all of its dependencies. */
const BUILD_LIMIT = 30 * 60_000;

/**
 * @param {{ after(action: () => unknown): void }} scope What is made is put away with it.
 * @param {{ former?: string, revision?: string }} wanted `former`: a checkout that is built. `revision`: of this
 *   repository.
 * @returns {string | undefined} The folder. Nothing: none was wanted.
 */
function findFormer(scope, { former, revision }) {
  if (former !== undefined) {
    return built(path.resolve(former));
  }
  return revision === undefined ? undefined : build(scope, revision);
}

function built(folder) {
  if (!existsSync(path.join(folder, 'native.js'))) {
    throw new Error(`${folder} has no native.js: run \`npm run build\` there`);
  }
  return folder;
}

/** A worktree beside this one, with its packages, and an addon of its own. */
function build(scope, revision) {
  const folder = path.join(makeFolder(scope, 'former'), 'package');
  run('git', ['worktree', 'add', '--detach', folder, revision], ROOT);
  scope.after(() => run('git', ['worktree', 'remove', '--force', folder], ROOT));
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(folder, 'node_modules'));
  run(process.execPath, [path.join('scripts', 'build.js')], folder);
  return built(folder);
}

function run(command, args, cwd) {
  const { status, error } = spawnSync(command, args, {
    cwd,
    stdio: ['ignore', 'ignore', 'inherit'],
    timeout: BUILD_LIMIT,
  });
  if (status !== 0) {
    throw new Error(`${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ''}`);
  }
}

module.exports = { findFormer };
