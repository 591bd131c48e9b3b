'use strict';

// Packs what would be published, as far as this machine can: the main package, and the platform packages whose binaries
// have been built here. `node scripts/pack.js [folder]` puts the tarballs into the folder and prints their paths.

const { execFileSync } = require('node:child_process');
const { copyFileSync, existsSync, mkdirSync, readdirSync } = require('node:fs');
const path = require('node:path');

const ROOT = path.dirname(__dirname);
const PLATFORMS = path.join(ROOT, 'npm');

pack(path.resolve(process.argv[2] ?? ROOT));

function pack(destination) {
  mkdirSync(destination, { recursive: true });
  run('napi', ['create-npm-dirs'], ROOT);
  const folders = [ROOT, ...builtPlatforms()];
  for (const folder of folders) {
    const [{ filename }] = JSON.parse(run('npm', ['pack', '--json', '--pack-destination', destination], folder));
    console.log(path.join(destination, filename));
  }
}

/** The folders of the platform packages that have their binary now. */
function builtPlatforms() {
  return readdirSync(PLATFORMS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => path.join(PLATFORMS, entry.name))
    .filter(takeBinary);
}

function takeBinary(folder) {
  const binary = require(path.join(folder, 'package.json')).main;
  const built = path.join(ROOT, binary);
  if (existsSync(built)) {
    copyFileSync(built, path.join(folder, binary));
  }
  return existsSync(built);
}

function run(command, args, cwd) {
  const commands = path.join(ROOT, 'node_modules', '.bin');
  const env = { ...process.env, PATH: `${commands}${path.delimiter}${process.env.PATH}` };
  return execFileSync(command, args, { cwd, env, encoding: 'utf8', shell: process.platform === 'win32' });
}
