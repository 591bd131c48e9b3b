'use strict';

// What an operator sees first: the first line of `status`, of the live page and of the log.

const { once } = require('node:events');
const { spawn } = require('node:child_process');

const { COMMAND } = require('../../support/process.js');

/**
 * The first line of `status`, and its exit code.
 * @param {number} port
 * @param {string[]} [args]
 */
async function firstOfStatus(port, args = []) {
  const child = spawn(process.execPath, [COMMAND, 'status', `localhost:${port}`, ...args], {
    env: { PATH: process.env.PATH },
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part) => {
      text += part;
    });
  }
  const [code] = await once(child, 'close');
  return { code, line: text.split('\n')[0] };
}

/**
 * The first of the troubles on the live page; an empty text where there is none.
 * @param {import('playwright-core').Page} page
 */
async function firstOfPage(page) {
  const troubles = await page.locator('#troubles li strong').allTextContents();
  return troubles[0] ?? '';
}

module.exports = { firstOfPage, firstOfStatus };
