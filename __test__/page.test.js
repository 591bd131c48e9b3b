'use strict';

// The live page, in a real browser. With PAGE_SCREENSHOTS=<folder> it is photographed there, for the documentation.

const assert = require('node:assert/strict');
const { join: joinPath } = require('node:path');
const { after, before, describe, test } = require('node:test');
const { setTimeout: sleep } = require('node:timers/promises');

const { AceBaseIPCServer } = require('..');
const { startCluster } = require('./cluster/support/cluster.js');
const { launchBrowser, noBrowser, openPage } = require('./support/browser.js');
const { join } = require('./support/peer.js');
const { quietly, startServer } = require('./support/server.js');

const FOLDER = process.env.PAGE_SCREENSHOTS;
/** The page asks once a second, so that after so many milliseconds it has asked twice. */
const TWO_ROUNDS = 2500;
/** How long the page watches a busy cluster before it is photographed, in milliseconds. */
const SITTING = 60_000;
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true, deviceScaleFactor: 2 };
const LOOKS = { light: { colorScheme: 'light' }, dark: { colorScheme: 'dark' }, phone: PHONE };

const urlOf = (server) => `http://127.0.0.1:${server.port}/`;

describe('the live page', { skip: noBrowser }, () => {
  let browser;
  before(async () => {
    browser = await launchBrowser();
  });
  after(() => browser.close());

  test('shows a real cluster: peers, who waits for whose lock, and what happened', async (t) => {
    const { hub, workers } = await startCluster(t, { workers: 3 });
    const [holder, ...waiting] = workers;
    await holder.call('hold', 'shop/stock');
    for (const [number, worker] of waiting.entries()) {
      // Ends with the test: the lock is never released.
      worker.call('set', `shop/orders/${number}`, 'waits').catch(() => {});
    }
    const { page, complaints } = await openPage(t, browser, `http://localhost:${hub.port}/`);
    await page.locator('#locks .waiters', { hasText: '2 wait' }).waitFor();

    assert.equal(await page.locator('#link').textContent(), 'Live');
    assert.equal(await page.locator('#database-title').textContent(), 'testdb_data');
    const roles = await page.locator('#clients tbody td:nth-child(2)').allTextContents();
    assert.deepEqual(roles, ['master', 'worker', 'worker', 'worker']);
    const lock = page.locator('#locks li.wait');
    assert.equal(await lock.locator('.path').textContent(), '/shop/stock');
    assert.equal(await lock.locator('.what').textContent(), 'write lock');
    assert.match(await lock.locator('.times').textContent(), /^for [\d.]+ m?s, until \d\d:\d\d:\d\d$/);
    const holderId = await lock.locator('.peer').textContent();
    assert.equal(await page.locator('#events li .kind', { hasText: /^connect$/ }).count(), 4);
    const trouble = page.locator('#troubles li.error strong');
    await trouble.waitFor({ timeout: 10_000 });
    assert.match(
      await trouble.textContent(),
      new RegExp(`^A write lock on /shop/stock .*has been held for .* by ${holderId} `),
    );
    assert.match(await page.title(), /^\(1\) /);
    assert.deepEqual(complaints, []);
  });

  test('says who has a lock that was passed on, since then, and how often it was', async (t) => {
    const { hub, workers } = await startCluster(t, { hub: { passLocksFor: 10_000 }, workers: 2 });
    const [former, holder] = workers;
    for (const worker of workers) {
      await worker.call('set', `shop/${worker.name}`, 'is known');
    }
    await former.call('holdFor', 'shop/stock', 500);
    await holder.call('hold', 'shop/stock');
    const { page, complaints } = await openPage(t, browser, `http://localhost:${hub.port}/`);
    const lock = page.locator('#locks li');
    await lock.waitFor();
    const [{ peer }] = await hub.child.call('locks', 'testdb_data');
    assert.equal(await lock.locator('.peer').textContent(), peer);
    assert.match(await lock.locator('.times').textContent(), /^for [\d.]+ m?s, until \d\d:\d\d:\d\d, passed on once$/);
    await page.locator('#figures', { hasText: /0 waiting, passed on \w+( times)? so far/ }).waitFor();
    assert.deepEqual(complaints, []);
  });

  test('asks for the token, and keeps it in the tab only', async (t) => {
    const server = await startServer(t, { token: 'open-sesame' });
    const { page, complaints } = await openPage(t, browser, urlOf(server));
    const field = page.getByLabel('Token');
    await field.waitFor();
    assert.equal(await page.locator('#content').isVisible(), false);
    await page.keyboard.type('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('This token is not right.').waitFor();
    await page.keyboard.type('open-sesame');
    await page.keyboard.press('Enter');
    await page.locator('#content').waitFor();
    assert.equal(await page.locator('#link').textContent(), 'Live');
    assert.equal(await page.evaluate(() => localStorage.length + document.cookie.length), 0);
    await page.reload();
    await page.locator('#content').waitFor();
    await page.getByRole('button', { name: 'Forget token' }).click();
    await field.waitFor();
    assert.deepEqual(complaints, []);
  });

  test('takes a token off its address', async (t) => {
    const server = await startServer(t, { token: 'open-sesame' });
    const { page } = await openPage(t, browser, `${urlOf(server)}?t=open-sesame`);
    await page.locator('#content').waitFor();
    assert.equal(page.url(), urlOf(server));
  });

  test('says when the server does not answer, keeps what it knew, and goes on when it is back', async (t) => {
    const server = await startServer(t);
    const { port } = server;
    await join(server, 'peer-1');
    const { page, complaints } = await openPage(t, browser, urlOf(server));
    await page.locator('#clients tbody tr').waitFor();
    await server.stop();
    await page.getByText('Unreachable, no answer since').waitFor();
    assert.match(await page.title(), /^\(unreachable\) /);
    assert.equal(await page.locator('#clients tbody tr').count(), 1);
    const next = new AceBaseIPCServer({ host: '127.0.0.1', port });
    t.after(() => next.stop());
    await quietly(t, () => next.start());
    await page.getByText('Live', { exact: true }).waitFor();
    await page.getByText('No client is connected.').waitFor();
    assert.equal(await page.title(), 'AceBase IPC server');
    assert.deepEqual(complaints, []);
  });

  test('is used by keyboard, and leaves focus and scrolling alone', async (t) => {
    const server = await startServer(t);
    for (let number = 0; number < 40; number += 1) {
      await join(server, `peer-${number}`, { db: number < 30 ? 'first' : 'second' });
    }
    const { page, complaints } = await openPage(t, browser, urlOf(server));
    await page.locator('#clients tbody tr').nth(29).waitFor();
    const focused = () => page.evaluate(() => document.activeElement.textContent.trim());
    await page.keyboard.press('Tab');
    assert.equal(await focused(), 'Skip to the content');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    assert.equal(await focused(), 'second');
    await page.mouse.wheel(0, 300);
    const entries = page.locator('#events ol');
    await entries.evaluate((list) => list.scrollTo(0, 200));
    const read = () => entries.evaluate((list) => list.children[10].getBoundingClientRect().top - list.scrollTop);
    const scrolled = () => page.evaluate(() => scrollY);
    const before = { scrolled: await scrolled(), read: await read() };
    await page.waitForTimeout(TWO_ROUNDS);
    assert.equal(await focused(), 'second');
    assert.deepEqual({ scrolled: await scrolled(), read: await read() }, before);
    await page.keyboard.press('Enter');
    await page.waitForFunction(() => document.querySelectorAll('#clients tbody tr').length === 10);
    assert.equal(await focused(), 'second');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'database-title');
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('Paused').waitFor();
    assert.deepEqual(complaints, []);
  });

  test('shows names as they are, whatever is in them', async (t) => {
    const server = await startServer(t);
    const id = '<img src=x onerror=alert(1)>';
    await join(server, encodeURIComponent(id), { db: encodeURIComponent('<b>db</b>') });
    const { page, complaints } = await openPage(t, browser, urlOf(server));
    await page.locator('#clients tbody th', { hasText: id }).waitFor();
    assert.equal(await page.locator('#database-title').textContent(), '<b>db</b>');
    assert.equal(await page.locator('#content img').count(), 0);
    assert.deepEqual(complaints, []);
  });

  test('writes out what would turn a name around, or hide in it', async (t) => {
    const server = await startServer(t);
    const id = encodeURIComponent('peer-\u202e1-rotinom\u2066');
    const shown = 'peer-\\u{202e}1-rotinom\\u{2066}';
    await join(server, id, { db: encodeURIComponent('db\u200b') });
    const { page, complaints } = await openPage(t, browser, urlOf(server));
    await page.locator('#clients tbody th', { hasText: shown }).waitFor();
    assert.equal(await page.locator('#database-title').textContent(), 'db\\u{200b}');
    await page.locator('#events li', { hasText: shown }).first().waitFor();
    assert.doesNotMatch(await page.locator('body').textContent(), /[\u202e\u2066\u200b]/);
    assert.deepEqual(complaints, []);
  });

  test('fits a phone, and is dark where the reader wants it', async (t) => {
    const server = await startServer(t);
    await join(server, 'abcdefghijklmnopqrstuvwx', { db: `${'long'.repeat(20)}_data` });
    const { page, complaints } = await openPage(t, browser, urlOf(server), { ...PHONE, colorScheme: 'dark' });
    await page.locator('#clients tbody tr').waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), PHONE.viewport.width);
    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(ground, 'rgb(19, 21, 24)');
    // A cell tells its column, as there is no head above it.
    const named = await page.evaluate(
      () => getComputedStyle(document.querySelector('#clients td'), '::before').content,
    );
    assert.equal(named, '"Role"');
    assert.deepEqual(complaints, []);
  });

  test('is photographed', { skip: !FOLDER && 'PAGE_SCREENSHOTS names no folder' }, async (t) => {
    const { hub, workers } = await startCluster(t, { workers: 5 });
    const [holder, ...others] = workers;
    const load = { loops: 2, pause: 150, giveUpAfter: 60_000 };
    await Promise.all(others.map((worker) => worker.call('startLoad', 'orders', load)));
    const url = `http://localhost:${hub.port}/`;
    const shots = [];
    for (const [name, options] of Object.entries(LOOKS)) {
      const { page } = await openPage(t, browser, url, options);
      shots.push([page, joinPath(FOLDER, `live-page-${name}.png`)]);
    }
    await sleep(SITTING);
    await holder.call('hold', 'shop/stock');
    for (const [page, file] of shots) {
      await page.bringToFront();
      await page.locator('#troubles li.error').waitFor({ timeout: 15_000 });
      await page.waitForTimeout(2 * TWO_ROUNDS);
      await page.screenshot({ path: file });
    }
  });
});
