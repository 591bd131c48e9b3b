'use strict';

// A kept port stays open while its server restarts. Servers are processes here, and end in every way that a process
// can.

const assert = require('node:assert/strict');
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const { cpSync, readdirSync, readFileSync, statSync } = require('node:fs');
const path = require('node:path');
const { describe, test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');

const { AceBaseIPCServer } = require('..');
const { end, makeScene } = require('./support/kept-port.js');
const { eventually, keeperGone, keeperOf, keeperThere, treeOf } = require('./support/keeper.js');
const { connect, join } = require('./support/peer.js');
const { noKeeper, noProc } = require('./support/platform.js');
const { isOpen } = require('./support/port.js');
const { ROOT } = require('./support/process.js');

/** How long, in milliseconds, a port without a server must be open before "it stays open" is believed. */
const WHILE = 300;

/** What a keeper may keep of the machine's memory for itself, in KiB. */
const KEEPER_MEMORY = 20 * 1024;

/** Some user that is not root. */
const NOBODY = 65_534;

async function assertStaysOpen(port) {
  await sleep(WHILE);
  assert.ok(await isOpen(port), 'the port should be open');
}

/** A client that connects now is welcomed by the server that `restart` starts. */
async function assertIsServedAfter(port, restart) {
  const welcomed = connect({ port }, 'client-1').then((client) => client.next());
  await sleep(WHILE);
  await restart();
  assert.match(await welcomed, /^welcome:/);
}

describe('the port stays open', { skip: noKeeper }, () => {
  test('after the server was killed: a client that connects meanwhile is served by the next one', async (t) => {
    const scene = await makeScene(t);
    await end(await scene.hub(), 'SIGKILL');
    await assertIsServedAfter(scene.port, () => scene.hub());
  });

  test('after the command was told to stop, once or twice, which ends it as one that has done its work', async (t) => {
    const scene = await makeScene(t);
    const told = async (server, signals) => {
      for (const signal of signals) {
        server.child.kill(signal);
      }
      const { code, signal } = await server.ended;
      assert.deepEqual({ code, signal }, { code: 0, signal: null });
    };
    const first = await scene.command();
    const peer = await join({ port: scene.port }, 'client-1');
    await told(first, ['SIGTERM']);
    await told(await scene.command(), ['SIGINT', 'SIGTERM']);
    await scene.command();
    peer.send('ping');
    assert.equal(await peer.next(), 'pong');
  });

  test('after a program was told to stop while its server starts: it starts, and hands over', async (t) => {
    const scene = await makeScene(t);
    const first = scene.evaluate(`
      const { AceBaseIPCServer } = require(${JSON.stringify(ROOT)});
      new AceBaseIPCServer({ host: '127.0.0.1', port: ${scene.port}, keepPort: true }).start();
      // Behind what a start does at once, and before anything else can be done.
      queueMicrotask(() => process.nextTick(() => process.kill(process.pid, 'SIGTERM')));
    `);
    const { signal, stdout } = await first.ended;
    assert.equal(signal, 'SIGTERM');
    assert.match(stdout, /running on port/);
    await assertStaysOpen(scene.port);
    await assertIsServedAfter(scene.port, () => scene.hub());
  });

  test('but not without the option', async (t) => {
    const scene = await makeScene(t);
    await end(await scene.hub({ keepPort: false }), 'SIGKILL');
    assert.equal(await isOpen(scene.port), false);
  });

  test('from the moment that the server runs, kill after kill', async (t) => {
    const scene = await makeScene(t);
    for (let round = 0; round < 3; round += 1) {
      await end(await scene.hub(), 'SIGKILL');
    }
    await assertStaysOpen(scene.port);
    assert.equal((await scene.hub()).stdout.includes('warning'), false);
  });

  test('when everything is killed that the server has started, and its process group', async (t) => {
    const scene = await makeScene(t);
    const hub = await scene.hub({}, { detached: true });
    await keeperThere(scene.port);
    for (const pid of treeOf(hub.child.pid).reverse()) {
      process.kill(pid, 'SIGKILL');
    }
    await hub.ended;
    await assertStaysOpen(scene.port);

    const next = await scene.hub({}, { detached: true });
    process.kill(-next.child.pid, 'SIGKILL');
    await next.ended;
    await assertStaysOpen(scene.port);
  });

  test('when the process ends without stopping the server', async (t) => {
    const scene = await makeScene(t);
    const { code } = await end(await scene.hub(), 'SIGUSR2');
    assert.equal(code, 0);
    await assertIsServedAfter(scene.port, () => scene.hub());
  });

  test('when the server is stopped in order to come back', async (t) => {
    const scene = await makeScene(t);
    const { code, stdout } = await end(await scene.hub(), 'SIGHUP');
    assert.equal(code, 0);
    assert.match(stdout, /left/);
    await assertIsServedAfter(scene.port, () => scene.hub());
  });

  for (const signal of ['SIGINT', 'SIGTERM']) {
    test(`when ${signal} restarts the command, under pm2 or not`, async (t) => {
      const scene = await makeScene(t);
      let command = await scene.command({ pm_id: undefined });
      for (const pm_id of ['0', undefined]) {
        assert.equal((await end(command, signal)).code, 0);
        await assertIsServedAfter(scene.port, async () => {
          command = await scene.command({ pm_id });
        });
      }
    });
  }
});

describe('the port is freed', { skip: noKeeper }, () => {
  test('by stop(), and no keeper or file is left', async (t) => {
    const scene = await makeScene(t);
    const hub = await scene.hub();
    await keeperThere(scene.port);
    hub.child.kill('SIGTERM');
    await hub.printed(/stopped/);
    assert.equal(await isOpen(scene.port), false);
    await keeperGone(scene.port);
    assert.deepEqual(readdirSync(scene.directory()), []);
    assert.equal((await hub.ended).code, 0);
  });

  test('by stop() of a server that has taken the port over', async (t) => {
    const scene = await makeScene(t);
    await end(await scene.hub(), 'SIGKILL');
    await end(await scene.hub(), 'SIGTERM');
    assert.equal(await isOpen(scene.port), false);
    await keeperGone(scene.port);
  });

  test('by a signal to the command that does not keep it', async (t) => {
    const scene = await makeScene(t);
    const { code } = await end(await scene.command({ KEEP_PORT: '0' }), 'SIGTERM');
    assert.equal(code, 0);
    assert.equal(await isOpen(scene.port), false);
    assert.equal(keeperOf(scene.port), undefined);
  });

  test('by a signal to the command, once no server has come back', async (t) => {
    const scene = await makeScene(t);
    const { code } = await end(await scene.command({ ACEBASE_IPC_KEEPER_PATIENCE: '700' }), 'SIGTERM');
    assert.equal(code, 0);
    await assertStaysOpen(scene.port);
    await keeperGone(scene.port);
    assert.equal(await isOpen(scene.port), false);
  });

  test('when no server comes back in time', async (t) => {
    const scene = await makeScene(t);
    const hub = await scene.hub({}, { variables: { ACEBASE_IPC_KEEPER_PATIENCE: '700' } });
    await keeperThere(scene.port);
    await end(hub, 'SIGKILL');
    await assertStaysOpen(scene.port);
    await keeperGone(scene.port);
    assert.equal(await isOpen(scene.port), false);
    assert.deepEqual(readdirSync(scene.directory()), []);
  });
});

describe('a keeper', { skip: noKeeper }, () => {
  test('serves one server: a second is refused clearly, and the first goes on', async (t) => {
    const scene = await makeScene(t);
    await scene.hub();
    const second = scene.launch();
    const [, code] = await second.printed(/failed (\w+): .*in use.*kept for another server/);
    assert.equal(code, 'EADDRINUSE');
    await second.ended;
    const client = await connect(scene, 'client-1');
    assert.match(await client.next(), /^welcome:/);
  });

  test('is replaced when it dies, with a warning', async (t) => {
    const scene = await makeScene(t);
    const hub = await scene.hub();
    const { pid } = await keeperThere(scene.port);
    process.kill(pid, 'SIGKILL');
    await hub.printed(/warning port-keeper: /);
    await eventually(() => {
      const next = keeperOf(scene.port);
      return next && next.pid !== pid;
    });
    await end(hub, 'SIGKILL');
    await assertStaysOpen(scene.port);
  });

  test('gives way to a server that listens elsewhere on the port', async (t) => {
    const scene = await makeScene(t);
    await end(await scene.hub(), 'SIGKILL');
    const hub = await scene.hub({ host: 'localhost' });
    assert.equal(hub.stdout.includes('warning'), false);
  });

  test('is no child of the server, and holds nothing of its environment, folder or output', async (t) => {
    const scene = await makeScene(t);
    const variables = { NODE_OPTIONS: '--no-warnings', SECRET: 'x', NODE_UNIQUE_ID: '' };
    const hub = await scene.hub({}, { variables });
    const keeper = await keeperThere(scene.port);
    await eventually(() => !treeOf(hub.child.pid).includes(keeper.pid));
    // Resolves when nobody holds the output any more.
    await end(hub, 'SIGKILL');
    assert.ok(keeperOf(scene.port));
    if (process.platform === 'linux') {
      const environment = readFileSync(`/proc/${keeper.pid}/environ`, 'utf8');
      assert.ok(!environment.includes('SECRET') && !environment.includes('NODE_OPTIONS'), environment);
    }
  });

  test('needs little memory', { skip: noProc }, async (t) => {
    const scene = await makeScene(t);
    await scene.hub();
    const { pid } = await keeperThere(scene.port);
    await sleep(WHILE);
    const [, kib] = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8').match(/^Private_Dirty:\s+(\d+)/m);
    assert.ok(Number(kib) < KEEPER_MEMORY, `${kib} KiB`);
  });

  test('gives the port to its own user only', async (t) => {
    const scene = await makeScene(t);
    await end(await scene.hub(), 'SIGKILL');
    assert.equal(statSync(scene.directory()).mode & 0o077, 0);
    if (process.getuid() !== 0) {
      return;
    }
    const socketFile = path.join(scene.directory(), readdirSync(scene.directory())[0]);
    const connecting = `require('net').connect(${JSON.stringify(socketFile)})`;
    const script = `${connecting}.on('error', (error) => console.log(error.code))`;
    const stranger = spawn(process.execPath, ['-e', script], { uid: NOBODY, gid: NOBODY, cwd: '/' });
    const [said] = await once(stranger.stdout, 'data');
    assert.equal(String(said).trim(), 'EACCES');
    await assertIsServedAfter(scene.port, () => scene.hub());
  });

  test('needs no file but the addon: not those of this package, which may be a part of a bundle or an archive', async (t) => {
    const scene = await makeScene(t);
    const copy = path.join(scene.folder, 'copy');
    for (const part of ['lib', 'index.js', 'native.js', 'package.json']) {
      cpSync(path.join(ROOT, part), path.join(copy, part), { recursive: true });
    }
    const addon = readdirSync(ROOT).find((name) => name.endsWith('.node'));
    const script = `
      const { AceBaseIPCServer } = require(${JSON.stringify(copy)});
      require('node:fs').rmSync(${JSON.stringify(copy)}, { recursive: true });
      const server = new AceBaseIPCServer({ host: '127.0.0.1', port: ${scene.port}, keepPort: true });
      server.on('warning', ({ message }) => console.log('warning', message));
      server.start();
    `;
    const hub = scene.evaluate(script, { variables: { NAPI_RS_NATIVE_LIBRARY_PATH: path.join(ROOT, addon) } });
    await hub.printed(/running on port/);
    await keeperThere(scene.port);
    assert.doesNotMatch(hub.stdout, /warning/);
    await end(hub, 'SIGKILL');
    await assertStaysOpen(scene.port);
  });

  test('that cannot be started from such a program is a warning with the cause and the remedy', async (t) => {
    const scene = await makeScene(t);
    const script = `
      process.pkg = {};
      const { AceBaseIPCServer } = require(${JSON.stringify(ROOT)});
      const server = new AceBaseIPCServer({ host: '127.0.0.1', port: ${scene.port}, keepPort: true });
      server.start();
    `;
    const hub = scene.evaluate(script);
    await hub.printed(/running on port/);
    hub.child.kill('SIGKILL');
    const { stderr } = await hub.ended;
    assert.match(stderr, /not kept open across restarts: this program is one executable file.*set keepPort to false/);
    assert.equal(await isOpen(scene.port), false);
  });

  for (const patience of ['soon', '-1', '0', '1.5', '1e12', '99999999999999999999', ' 5', 'NaN']) {
    test(`takes ${JSON.stringify(patience)} for no patience to be heeded, and says so`, async (t) => {
      const scene = await makeScene(t);
      const hub = await scene.hub({}, { variables: { ACEBASE_IPC_KEEPER_PATIENCE: patience } });
      assert.match(
        hub.stdout,
        /warning port-keeper: ACEBASE_IPC_KEEPER_PATIENCE must be a whole number of milliseconds/,
      );
      await keeperThere(scene.port);
      await end(hub, 'SIGKILL');
      await assertStaysOpen(scene.port);
    });
  }

  test('needs a fixed port', () => {
    assert.throws(() => new AceBaseIPCServer({ port: 0, keepPort: true }), {
      name: 'TypeError',
      message: /option "keepPort" needs a fixed port/,
    });
  });
});
