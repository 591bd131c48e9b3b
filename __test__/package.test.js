'use strict';

// What is published: packed, installed into an empty folder on a machine without Rust, and run.

const assert = require('node:assert/strict');
const { execFileSync, spawnSync } = require('node:child_process');
const { mkdirSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } = require('node:fs');
const path = require('node:path');
const { after, before, describe, test } = require('node:test');

const { PACKAGED } = require('../lib/native.js');
const { makeFolder } = require('./support/folder.js');
const { connect } = require('./support/peer.js');
const { noShell } = require('./support/platform.js');
const { freePort } = require('./support/port.js');
const { ROOT, start } = require('./support/process.js');

describe('the packed package', { skip: noShell }, () => {
  const folder = realpathSync(makeFolder({ after }, 'package'));
  /** A machine that has Node.js, and nothing else. */
  const env = { PATH: path.join(folder, 'commands'), HOME: folder, npm_config_cache: npmCache() };
  let main;
  let platform;

  before(() => {
    mkdirSync(env.PATH);
    for (const command of ['node', 'npm', 'sh']) {
      symlinkSync(command === 'node' ? process.execPath : which(command), path.join(env.PATH, command));
    }
    const packed = execFileSync(process.execPath, [path.join(ROOT, 'scripts', 'pack.js'), folder], {
      encoding: 'utf8',
    });
    [main, platform] = packed.trim().split('\n');
  });

  /** Installs tarballs into an empty folder. */
  function install(name, ...tarballs) {
    const project = path.join(folder, name);
    mkdirSync(project);
    writeFileSync(path.join(project, 'package.json'), '{ "private": true }');
    execFileSync('npm', ['install', '--offline', '--no-audit', '--no-fund', ...tarballs], {
      cwd: project,
      env,
      stdio: 'pipe',
    });
    return project;
  }

  test('has no install scripts and no dependencies, and all that it needs', () => {
    const project = install('contents', main, platform);
    for (const name of ['acebase-ipc-server', path.basename(platform, '.tgz').replace(/-\d.*/, '')]) {
      const manifest = JSON.parse(readFileSync(path.join(project, 'node_modules', name, 'package.json'), 'utf8'));
      for (const script of ['preinstall', 'install', 'postinstall', 'prepare']) {
        assert.equal(manifest.scripts?.[script], undefined);
      }
      assert.equal(manifest.dependencies, undefined);
    }
    const files = execFileSync('tar', ['tzf', main], { encoding: 'utf8' });
    for (const file of ['LICENSE', 'README.md', 'index.js', 'index.mjs', 'index.d.ts', 'native.js', 'src/lib.rs']) {
      assert.ok(files.includes(`package/${file}\n`), file);
    }
    assert.doesNotMatch(files, /\.node$|node_modules|target\/|__test__/m);
  });

  test('has all that its pages link to, pictures too', () => {
    const files = execFileSync('tar', ['tzf', main], { encoding: 'utf8' }).trim().split('\n');
    const pages = files.filter((file) => file.endsWith('.md'));
    assert.ok(pages.length > 15, pages.join());
    for (const page of pages) {
      const text = execFileSync('tar', ['xzOf', main, page], { encoding: 'utf8' });
      for (const [, link] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) {
        const target = path.posix.join(path.posix.dirname(page), link);
        assert.ok(
          files.some((file) => file === target || file.startsWith(`${target}/`)),
          `${page}: ${link}`,
        );
      }
    }
  });

  test('has a manifest in which publint finds no mistake', () => {
    const { stdout } = inspect('publint', [main, '--strict']);
    assert.match(stdout, /^All good!$/m, stdout);
  });

  test('has types that every resolution of modules finds, and that are those of what it runs', () => {
    const { status, stdout } = inspect('attw', [main, '--format', 'ascii']);
    assert.equal(status, 0, stdout);
    assert.match(stdout, /No problems found/);
  });

  test("runs the README's three lines without Rust", async (t) => {
    const project = install('project', main, platform);
    const port = await freePort();
    writeFileSync(path.join(project, 'start-ipc-server.js'), threeLines().replace('9163', port));
    const server = start(t, 'node', ['start-ipc-server.js'], { cwd: project, env });
    await server.printed(new RegExp(`^AceBase IPC server running on port ${port}\n`));
    const peer = await connect({ port }, 'peer-1');
    assert.equal(await peer.next(), 'welcome:{"maxPayload":16384}');
    await peer.close();

    const esm = `
      import ipc, { AceBaseIPCServer } from 'acebase-ipc-server';
      console.log(typeof AceBaseIPCServer, ipc.AceBaseIPCServer === AceBaseIPCServer);
    `;
    assert.equal(
      (await start(t, 'node', ['--input-type=module', '-e', esm], { cwd: project, env }).ended).stdout,
      'function true\n',
    );
    const command = path.join(project, 'node_modules', '.bin', 'acebase-ipc-server');
    assert.equal(
      (await start(t, command, ['--version'], { cwd: project, env: { PATH: env.PATH } }).ended).stdout,
      `${version()}\n`,
    );
  });

  describe('without a binary that can be loaded says', () => {
    let project;
    before(() => {
      project = install('bare', main);
    });

    async function complaint(t, preparation = '') {
      const script = `${preparation}; require('acebase-ipc-server')`;
      const { code, stderr } = await start(t, 'node', ['-e', script], { cwd: project, env }).ended;
      assert.equal(code, 1);
      assert.match(stderr, /ERR_IPC_NO_BINARY/);
      return stderr;
    }

    test('that it was left out, and how to get it or to build it', async (t) => {
      const stderr = await complaint(t);
      const name = path.basename(platform, '.tgz').replace(/-\d.*/, '');
      assert.match(stderr, new RegExp(`is not installed: it is the optional dependency ${name}\\. .*--omit=optional`));
      assert.match(stderr, /Run: npm install --include=optional\. /);
      const command = stderr.match(/and run: (npm --prefix "(.*)" run build)/);
      assert.equal(command[2], path.join(project, 'node_modules', 'acebase-ipc-server'));
      const built = await start(t, 'sh', ['-c', command[1]], { cwd: project, env }).ended;
      assert.notEqual(built.code, 0);
      assert.match(built.stderr, /^Rust is needed to build the addon, and `cargo` was not found: install it from /m);
    });

    test('that there is none for the platform', async (t) => {
      const stderr = await complaint(t, "Object.defineProperty(process, 'arch', { value: 'riscv64' })");
      assert.match(stderr, new RegExp(`has no binary for this platform \\(${process.platform}-riscv64`));
      assert.doesNotMatch(stderr, /omit=optional/);
    });

    test('that it is damaged, or of another system', async (t) => {
      const { main: binary } = JSON.parse(
        execFileSync('tar', ['xzOf', platform, 'package/package.json'], { encoding: 'utf8' }),
      );
      const place = path.join(project, 'node_modules', 'acebase-ipc-server', binary);
      writeFileSync(place, 'of another system');
      t.after(() => rmSync(place));
      const stderr = await complaint(t);
      assert.match(stderr, new RegExp(`cannot be loaded: .*${binary}.*delete node_modules and install again`));
    });
  });

  test('has a package for each platform that the complaint knows', () => {
    const folders = readdirSync(path.join(ROOT, 'npm'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    assert.deepEqual(folders.map((folder) => folder.name).sort(), PACKAGED.toSorted());
  });

  test('has sources that cargo understands', () => {
    const project = path.join(folder, 'bare', 'node_modules', 'acebase-ipc-server');
    execFileSync('cargo', ['metadata', '--no-deps', '--offline', '--format-version', '1'], {
      cwd: project,
      stdio: 'pipe',
    });
  });
});

/** The first block of JavaScript in the README. */
function threeLines() {
  const [, lines] = readFileSync(path.join(ROOT, 'README.md'), 'utf8').match(/```js\n([^`]*)```/);
  assert.equal(lines.trim().split('\n').length, 3);
  return lines;
}

function version() {
  return JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')).version;
}

function which(command) {
  return execFileSync('sh', ['-c', `command -v ${command}`], { encoding: 'utf8' }).trim();
}

/** Runs a command of the development dependencies, without colours: these come unasked where `CI` is set. */
function inspect(command, options) {
  const file = path.join(ROOT, 'node_modules', '.bin', command);
  return spawnSync(file, options, { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined } });
}

function npmCache() {
  return execFileSync('npm', ['config', 'get', 'cache'], { encoding: 'utf8' }).trim();
}
