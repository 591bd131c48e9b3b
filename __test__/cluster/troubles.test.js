'use strict';

// Ten troubles, staged with real processes: what the first line of `status`, of the live page and of the log says.

const assert = require('node:assert/strict');
const { after, before, describe, test } = require('node:test');
const tls = require('node:tls');

const { launchBrowser, noBrowser, openPage } = require('../support/browser.js');
const { end, makeScene } = require('../support/kept-port.js');
const { join } = require('../support/peer.js');
const { prepareCluster, startCluster } = require('./support/cluster.js');
const { firstOfPage, firstOfStatus } = require('./support/first-lines.js');
const { startHub } = require('./support/hub.js');
const { sleep, until } = require('./support/wait.js');

/** From when on something is trouble, in milliseconds: so that nobody has to wait long. */
const SOON = 2000;
const THRESHOLDS = { slowLock: SOON, slowMaster: SOON, slowClient: SOON };
const OPTIONS = { ...THRESHOLDS, logLevel: 'warn' };

/** How long all three may take to tell of a trouble, in milliseconds. */
const TOLD_WITHIN = 20_000;

const NOT_WELL = 2;

/** These peers end with the test. */
function endWith(t, ...peers) {
  t.after(() => {
    for (const { socket } of peers) {
      socket.terminate();
    }
  });
}

describe('an operator sees first', () => {
  let browser;
  before(async () => {
    browser = noBrowser ? undefined : await launchBrowser();
  });
  after(() => browser?.close());

  /** Looks at a hub from outside: what each of the three says first. */
  async function lookAt(t, { port, child }, token) {
    const [args, query] = token ? [[`token=${token}`], `?t=${token}`] : [[], ''];
    const { page } = browser ? await openPage(t, browser, `http://localhost:${port}/${query}`) : {};
    let read = 0;
    return {
      /** Only what is logged from now on counts. */
      forget() {
        read = child.words.length;
      },
      /** Waits until all three say this first; of the log, at the latest that which was told last. */
      async says(pattern, code = NOT_WELL, advice = /./) {
        let seen;
        const told = await until(`status to say ${pattern}`, TOLD_WITHIN, async () => {
          seen = await firstOfStatus(port, args);
          return pattern.test(seen.line) && seen;
        }).catch((error) => assert.fail(`${error.message}, but: ${seen.line}`));
        assert.equal(told.code, code);
        const lines = () => child.words.slice(read).split('\n');
        const logged = await until(`the log to say ${pattern}`, TOLD_WITHIN, () =>
          lines().find((line) => /TROUBLE/.test(line) && pattern.test(line)),
        );
        assert.match(logged, advice);
        const first = lines().find((line) => /TROUBLE(?! OVER)/.test(line));
        assert.match(first, pattern, 'the log says something else first');
        if (page) {
          await until(`the page to say ${pattern}`, TOLD_WITHIN, async () => pattern.test(await firstOfPage(page)));
        }
      },
      /** Waits until nothing is wrong any more. */
      async isWell() {
        await until('all to be well', TOLD_WITHIN, async () => (await firstOfStatus(port)).line.startsWith('AceBase'));
        this.forget();
      },
    };
  }

  test('who holds a lock, who stands still, who is no master', async (t) => {
    const { hub, cluster, master, workers } = await startCluster(t, { hub: OPTIONS, workers: 3 });
    hub.expectsRefusals = true;
    const look = await lookAt(t, hub);
    const [holder, ...others] = workers;
    const write = () => others.map((worker, number) => worker.call('set', `orders/${number}`, 1).catch(() => {}));

    await t.test('1. a lock that others wait for', async () => {
      await holder.call('hold', 'shop/stock');
      write();
      const who = `by \\w+ at \\S+:\\d+, process ${holder.pid} \\(node database-process\\.js`;
      const pattern = new RegExp(
        `write lock on /shop/stock \\(".+"\\) has been held for [\\d. a-z]+ ${who}.*2 wait for it`,
      );
      await look.says(pattern, NOT_WELL, new RegExp(`Look what process ${holder.pid} does.*It expires in`));
    });

    await t.test('2. a process that has the lock and is frozen', async () => {
      holder.signal('SIGSTOP');
      await sleep(2 * SOON);
      await look.says(new RegExp(`has been held for .*process ${holder.pid} `));
      const { troubles } = await (await fetch(`http://localhost:${hub.port}/status.json`)).json();
      assert.equal(troubles[0].client.pid, holder.pid);
      await until('the advice to say that it stands still', TOLD_WITHIN, async () => {
        const report = await (await fetch(`http://localhost:${hub.port}/status.json`)).json();
        return /^It has given no sign of life for .*: process \d+ stands still/.test(report.troubles[0].advice);
      });
      await holder.end();
      // The lock of a dead process is released.
      await look.isWell();
    });

    await t.test('3. a master that is frozen', async () => {
      master.signal('SIGSTOP');
      write();
      const pattern = new RegExp(`The master has answered nothing for .*process ${master.pid} \\(node database-proc`);
      await look.says(pattern, NOT_WELL, new RegExp(`kill -CONT|Look at process ${master.pid}`));
      master.signal('SIGCONT');
      await look.isWell();
    });

    await t.test('4. two masters', async () => {
      const second = cluster.spawnMaster();
      await look.says(/A second process wants to be the master of testdb_data, and is refused: .* from \S+:\d+/);
      await second.end();
    });

    await t.test('5. a master that is gone, and requests that wait for one', async () => {
      look.forget();
      await master.end();
      write();
      await look.says(
        /(The connection of the master has been lost|There has been no master) for .*requests? waits? for one/,
      );
    });
  });

  test('6. a client that does not read', async (t) => {
    const hub = await startHub(t, OPTIONS);
    const look = await lookAt(t, hub);
    const [slow, fast] = [await join(hub, 'slow-client'), await join(hub, 'fast-client')];
    endWith(t, slow, fast);
    slow.socket._socket.pause();
    // More than the system and the server keep for it, in messages that fit into frames.
    for (let count = 0; count < 2000; count += 1) {
      fast.send('x'.repeat(10_000));
    }
    await look.says(
      new RegExp(`slow-client at \\S+, process ${process.pid} \\(.*does not take its messages: .*MiB wait`),
    );
  });

  test('7. requests near their bound', async (t) => {
    const hub = await startHub(t, { ...OPTIONS, maxRequests: 10 });
    const look = await lookAt(t, hub);
    const [master, worker] = [await join(hub, '[master]'), await join(hub, 'l8x0k2vq0000abcdef012345')];
    endWith(t, master, worker);
    for (let number = 0; number < 5; number += 1) {
      const request = {
        type: 'request',
        id: `r${number}`,
        from: 'l8x0k2vq0000abcdef012345',
        to: '[master]',
        data: { type: 'my-request' },
      };
      worker.send(`to:[master];${JSON.stringify(request)}`);
    }
    await look.says(/Requests and locks are near their bound: 5 of 10/);
  });

  for (const [what, ipc, pattern] of [
    ['8. a wrong token', { token: 'wrong' }, /Clients of testdb_data that send a wrong token are refused/],
    ['9. no token', {}, /Clients of testdb_data that send no token are refused/],
  ]) {
    test(what, async (t) => {
      const hub = await startHub(t, { ...OPTIONS, token: 'right' });
      const look = await lookAt(t, hub, 'right');
      const worker = prepareCluster(t, { port: hub.port, ipc }).spawnWorker();
      await look.says(new RegExp(`${pattern.source}: .* from \\S+:\\d+, process ${worker.pid} `));
      await worker.end();
    });
  }

  test('10. a server that was killed and started again', async (t) => {
    const scene = await makeScene(t);
    await end(await scene.command(), 'SIGKILL');
    const second = await scene.command();
    const pattern = /The server was restarted [\d.]+ m?s ago, and the one before it has left nothing/;
    const { line, code } = await firstOfStatus(scene.port);
    assert.match(line, new RegExp(`^NOTE ${pattern.source}`));
    assert.equal(code, 0, 'nothing is wrong now');
    const [note] = await second.printed(/^.*(NOTE|TROUBLE|warning|error).*$/m);
    assert.match(note, new RegExp(`info: NOTE: ${pattern.source}.*restart processes`));
    if (browser) {
      const { page } = await openPage(t, browser, `http://localhost:${scene.port}/`);
      await until('the page to say it', TOLD_WITHIN, async () => pattern.test(await firstOfPage(page)));
    }
  });

  test('and TLS on a plain port', async (t) => {
    const hub = await startHub(t, OPTIONS);
    const look = await lookAt(t, hub);
    await new Promise((resolve) => tls.connect(hub.port, 'localhost').once('error', resolve));
    await look.says(/TLS was spoken to the plain port by \S+:\d+\. Clients must not use ssl: true.*: 1 time/);
  });
});
