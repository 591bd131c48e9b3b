'use strict';

// Writes THIRD-PARTY-LICENSES.txt: the licence of each crate that the binaries are made of, and of the code that is
// kept in the repository, as these licences ask wherever the code goes. `node scripts/notices.js --check` says whether
// it is up to date.
//
// Texts come from the crates themselves, so the file is the same wherever it is made from one Cargo.lock.

const { execFileSync } = require('node:child_process');
const { existsSync, readFileSync, readdirSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const ROOT = path.dirname(__dirname);
const FILE = path.join(ROOT, 'THIRD-PARTY-LICENSES.txt');

const HEADER = `The binaries of acebase-ipc-server contain code of others. This file holds the licences of that code.
It is made by scripts/notices.js.
`;

/** Code that is kept in the repository. */
const VENDORED = [{ name: 'uPlot', text: 'src/observe/page/vendor/LICENSE-uPlot' }];

/** Files that hold a crate's licence, its notice, or both. */
const LICENCE_FILE = /^(licen[cs]e|copying|copyright|notice|unlicense)/i;

const RULE = '-'.repeat(100);

main();

function main() {
  const written = notices();
  if (!process.argv.includes('--check')) {
    writeFileSync(FILE, written);
    return;
  }
  if (!existsSync(FILE) || readFileSync(FILE, 'utf8') !== written) {
    console.error('THIRD-PARTY-LICENSES.txt is not up to date: run node scripts/notices.js');
    process.exitCode = 1;
  }
}

function notices() {
  const vendored = VENDORED.map(({ name, text }) => ({ name, text: readFileSync(path.join(ROOT, text), 'utf8') }));
  const all = [
    ...vendored,
    ...crates().map((crate) => ({ name: `${crate.name} ${crate.version}`, text: licence(crate) })),
  ];
  const sections = [...byText(all)].map(([text, names]) => `${names.join(', ')}\n\n${text}\n`);
  return [HEADER, ...sections].join(`\n${RULE}\n\n`);
}

/** The crates that are in a binary, of whatever platform: not those that only tests and builds need. */
function crates() {
  const options = ['--locked', '--all-features', '--target', 'all', '--edges', 'normal,no-proc-macro'];
  const tree = cargo(['tree', ...options, '--prefix', 'none', '--format', '{p}']);
  const used = new Set(tree.split('\n').map((line) => line.split(' ').slice(0, 2).join(' ')));
  const { packages } = JSON.parse(cargo(['metadata', '--locked', '--all-features', '--format-version', '1']));
  const others = packages.filter((crate) => crate.source && used.has(`${crate.name} v${crate.version}`));
  return others.sort((one, other) => (`${one.name} ${one.version}` < `${other.name} ${other.version}` ? -1 : 1));
}

/** The texts of a crate's licence. Where there is a choice, MIT's, which is the package's own. */
function licence(crate) {
  const folder = path.dirname(crate.manifest_path);
  const files = readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile() && LICENCE_FILE.test(entry.name))
    .map((entry) => entry.name)
    .sort();
  const mit =
    crate.license.includes('OR') || crate.license.includes('/') ? files.filter((file) => /mit/i.test(file)) : [];
  const chosen = mit.length > 0 ? mit : files;
  const texts = chosen.map((file) => readFileSync(path.join(folder, file), 'utf8').replaceAll('\r\n', '\n').trim());
  // Some crates name their licence and leave its text out.
  return texts.join('\n\n') || `Licence: ${crate.license}. Authors: ${crate.authors.join(', ') || crate.repository}`;
}

/** The names of what has the same text, by text. */
function byText(all) {
  const groups = new Map();
  for (const { name, text } of all) {
    groups.set(text.trim(), [...(groups.get(text.trim()) ?? []), name]);
  }
  return groups;
}

function cargo(options) {
  return execFileSync('cargo', options, { cwd: ROOT, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
}
