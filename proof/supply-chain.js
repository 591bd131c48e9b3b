'use strict';

// What the package is made of: `npm run prove:supply-chain`. Checks, one after the other:
//
// - the crates: licences, several versions of one crate, where they come from (deny.toml says what is allowed), and
//   what is known to be wrong with them, where the database of advisories can be fetched;
// - the npm package: nothing is needed at run time, nothing runs when it is installed, its modules load only
//   Node.js's own, each other, and the package's own binaries;
// - npm's advisories for what is used to develop it, where the registry answers;
// - code of others that is kept in the repository has its licence beside it;
// - what is fuzzed and measured is what is shipped: the same versions of the crates.
//
// What could not be checked here is said; it does not count as good. Exit code 1: something is wrong.

const { spawnSync } = require('node:child_process');
const { existsSync, readFileSync, readdirSync } = require('node:fs');
const { builtinModules } = require('node:module');
const path = require('node:path');

const ROOT = path.dirname(__dirname);
const PACKAGE = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));

/** Scripts that npm runs on the machine of whoever installs the package. */
const INSTALL_SCRIPTS = ['preinstall', 'install', 'postinstall', 'prepare', 'preprepare', 'postprepare'];

/** Folders with code of others, and the licence that must lie there. */
const VENDORED = [{ folder: 'src/observe/page/vendor', file: 'LICENSE-uPlot', holder: 'Leon Sorokin', licence: 'MIT' }];

/** How a check ended. */
const Outcome = { GOOD: 'good', WRONG: 'WRONG', LEFT_OUT: 'left out' };

const CHECKS = [
  { name: 'crates: licences, duplicates, sources', run: () => deny('--offline', ['licenses', 'bans', 'sources']) },
  { name: 'crates: advisories', run: advisories },
  { name: 'npm: no dependencies at run time', run: noDependencies },
  { name: 'npm: nothing runs at installation', run: noInstallScripts },
  { name: 'npm: modules load nothing foreign', run: nothingForeign },
  { name: 'npm: advisories, development included', run: npmAdvisories },
  { name: 'vendored code has its licence', run: vendoredLicences },
  { name: 'fuzzers use the crates that are shipped', run: sameCrates },
  { name: 'the licences of what is in the binaries go with them', run: currentNotices },
];

main();

function main() {
  const results = CHECKS.map(({ name, run }) => ({ name, ...run() }));
  for (const { name, outcome, detail } of results) {
    console.log(`${outcome.padEnd(8)}  ${name}${detail ? `: ${detail}` : ''}`);
  }
  process.exitCode = results.some(({ outcome }) => outcome === Outcome.WRONG) ? 1 : 0;
}

function deny(mode, checks) {
  if (spawnSync('cargo', ['deny', '--version']).status !== 0) {
    return leftOut('needs cargo install cargo-deny --locked');
  }
  const options = ['deny', mode, 'check', ...checks].filter(Boolean);
  const { status, stdout, stderr } = spawnSync('cargo', options, { cwd: ROOT, encoding: 'utf8' });
  return status === 0 ? good(lastLine(stdout)) : wrong(`\n${stderr}`);
}

/** cargo-deny ends with an error also where it cannot fetch the database. */
function advisories() {
  const result = deny('', ['advisories']);
  const isOffline = result.outcome === Outcome.WRONG && result.detail.includes('failed to fetch advisory database');
  return isOffline ? leftOut('the database at github.com/RustSec/advisory-db cannot be fetched from here') : result;
}

function noDependencies() {
  const binary = (name) => name.startsWith(`${PACKAGE.name}-`);
  const kinds = [
    'dependencies',
    'optionalDependencies',
    'peerDependencies',
    'bundledDependencies',
    'bundleDependencies',
  ];
  const needed = kinds.flatMap((kind) => Object.keys(PACKAGE[kind] ?? {})).filter((name) => !binary(name));
  return needed.length === 0 ? good() : wrong(needed.join(', '));
}

function noInstallScripts() {
  const scripts = INSTALL_SCRIPTS.filter((name) => PACKAGE.scripts?.[name]);
  // npm builds by itself where it finds this file.
  const files = publishedFiles().filter((file) => path.basename(file) === 'binding.gyp');
  const found = [...scripts, ...files];
  return found.length === 0 ? good() : wrong(found.join(', '));
}

function nothingForeign() {
  const modules = publishedFiles().filter((file) => /\.[cm]?js$/.test(file) && !/^(examples|src|scripts)\//.test(file));
  const foreign = modules.flatMap((file) =>
    loaded(readFileSync(path.join(ROOT, file), 'utf8'))
      .filter((name) => !isOwn(name))
      .map((name) => `${file} loads ${name}`),
  );
  return foreign.length === 0 ? good(`${modules.length} modules`) : wrong(foreign.join(', '));
}

/** The names of the modules that a text loads. */
function loaded(text) {
  const calls = text.matchAll(/\b(?:require(?:\.resolve)?|import)\(\s*['"]([^'"]+)['"]/g);
  const statements = text.matchAll(/^\s*(?:import|export)\b[^'"]*['"]([^'"]+)['"]/gm);
  return [...calls, ...statements].map(([, name]) => name);
}

function isOwn(name) {
  const own = name.startsWith('.') || name.startsWith(`${PACKAGE.name}-`);
  return own || name.startsWith('node:') || builtinModules.includes(name);
}

function npmAdvisories() {
  const { stdout } = spawnSync('npm', ['audit', '--json'], { cwd: ROOT, encoding: 'utf8' });
  const answer = parsed(stdout);
  if (!answer?.metadata) {
    return leftOut(`the registry does not answer (${answer?.message ?? 'no words'})`);
  }
  const { total } = answer.metadata.vulnerabilities;
  return total === 0 ? good() : wrong(`${total} packages: ${Object.keys(answer.vulnerabilities).join(', ')}`);
}

function vendoredLicences() {
  const faults = VENDORED.flatMap(({ folder, file, holder, licence }) => {
    const place = path.join(ROOT, folder, file);
    const text = existsSync(place) ? readFileSync(place, 'utf8') : '';
    const isComplete = text.includes(`${licence} License`) && text.includes(holder);
    return isComplete && publishedFiles().includes(`${folder}/${file}`) ? [] : [`${folder}/${file}`];
  });
  const known = VENDORED.map(({ folder }) => folder);
  const unknown = vendorFolders(path.join(ROOT, 'src')).filter((folder) => !known.includes(folder));
  const all = [...faults, ...unknown];
  return all.length === 0 ? good(known.join(', ')) : wrong(all.join(', '));
}

function currentNotices() {
  const notices = 'THIRD-PARTY-LICENSES.txt';
  const { status, stderr } = spawnSync('node', ['scripts/notices.js', '--check'], { cwd: ROOT, encoding: 'utf8' });
  const isPublished = publishedFiles().includes(notices);
  return status === 0 && isPublished ? good(notices) : wrong(stderr.trim() || `${notices} is not published`);
}

function sameCrates() {
  const [shipped, fuzzed] = ['Cargo.lock', 'fuzz/Cargo.lock'].map(lockedCrates);
  const others = [...fuzzed].filter(([name, versions]) => shipped.has(name) && !isWithin(versions, shipped.get(name)));
  return others.length === 0 ? good() : wrong(others.map(([name, versions]) => `${name} ${versions}`).join(', '));
}

/** The versions of each crate in a lock file. */
function lockedCrates(file) {
  const crates = new Map();
  const text = readFileSync(path.join(ROOT, file), 'utf8');
  for (const [, name, version] of text.matchAll(/^name = "(.+)"\nversion = "(.+)"$/gm)) {
    crates.set(name, [...(crates.get(name) ?? []), version]);
  }
  return crates;
}

function isWithin(some, all) {
  return some.every((one) => all.includes(one));
}

/** The folders named `vendor`, as paths from the root. */
function vendorFolders(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const vendors = entries.filter((entry) => entry.isDirectory() && entry.name === 'vendor');
  return vendors.map((entry) => path.relative(ROOT, path.join(entry.parentPath, entry.name)).replaceAll(path.sep, '/'));
}

/** What `npm publish` would publish, as paths from the root. */
function publishedFiles() {
  publishedFiles.known ??= listPublished();
  return publishedFiles.known;
}

function listPublished() {
  const { stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  return JSON.parse(stdout)[0].files.map((file) => file.path);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function lastLine(text) {
  return text.trim().split('\n').at(-1);
}

function good(detail) {
  return { outcome: Outcome.GOOD, detail };
}

function wrong(detail) {
  return { outcome: Outcome.WRONG, detail };
}

function leftOut(detail) {
  return { outcome: Outcome.LEFT_OUT, detail };
}
