'use strict';

// Figures in words, as the terminal and the live page have them.

const assert = require('node:assert/strict');
const { test } = require('node:test');

const words = require('../lib/words.js');
const { request } = require('./support/http.js');
const { startServer } = require('./support/server.js');

test('sizes are said in the greatest unit that they fill', () => {
  const sizes = [0, 1023, 1024, 9.5 * 1024, 100 * 1024, 3 * 2 ** 30, 2 ** 50];
  assert.deepEqual(sizes.map(words.bytes), ['0 B', '1,023 B', '1 KiB', '9.5 KiB', '100 KiB', '3 GiB', '1,024 TiB']);
});

test('durations are said in their two greatest units', () => {
  const durations = [-5, 0, 999, 1500, 59_000, 60_000, 65_000, 7_260_000, 86_400_000, 90_061_000];
  assert.deepEqual(durations.map(words.duration), [
    '0 ms',
    '0 ms',
    '999 ms',
    '1.5 s',
    '59 s',
    '1 min',
    '1 min 5 s',
    '2 h 1 min',
    '1 d',
    '1 d 1 h',
  ]);
});

test('rates and round trips have a unit, or a dash where nothing is known, and counts have their plural', () => {
  assert.deepEqual([undefined, null, 0, 0.25, 1234].map(words.rate), ['–', '–', '0/s', '0.3/s', '1,234/s']);
  assert.deepEqual([null, 250, 1500].map(words.roundTrip), ['–', '250 µs', '1.5 ms']);
  assert.deepEqual([words.counted(1, 'client'), words.counted(2000, 'client')], ['1 client', '2,000 clients']);
});

test('it is said how often a lock was passed on, if it was', () => {
  const said = [undefined, 0, 1, 1234].map(words.passes);
  assert.deepEqual(said, ['', '', 'passed on once', 'passed on 1,234 times']);
});

test('the live page is served the same words', async (t) => {
  const { body } = await request(await startServer(t), 'GET /words.mjs');
  const { default: page } = await import(`data:text/javascript,${encodeURIComponent(body)}`);
  assert.deepEqual(Object.keys(page), Object.keys(words));
  assert.equal(page.duration(65_000), words.duration(65_000));
});
