'use strict';

// The values that the load writes. Each tells by itself which write it comes from, and whether it is whole.

const { longText } = require('../../__test__/cluster/support/text.js');

/** What is said of a place where nothing is. */
const NOTHING = 'nothing';

/**
 * The value of one write.
 * @param {string} token Its name, unique in the run.
 * @param {number} size Of its text, in bytes.
 */
function makeValue(token, size) {
  return { token, size, text: makeText(token, size) };
}

/** The last character is whatever the cut makes of it; the same each time. */
function makeText(token, size) {
  return Buffer.from(`${token} ${longText(size)}`)
    .subarray(0, size)
    .toString();
}

/** The token of the write that a value comes from; `NOTHING`; or what is wrong with it. */
function describeValue(value) {
  if (value === null || value === undefined) {
    return NOTHING;
  }
  const { token, size, text } = value;
  if (typeof token === 'string' && typeof size === 'number' && text === makeText(token, size)) {
    return token;
  }
  return `damaged: ${JSON.stringify({ token, size, text: String(text).slice(0, 40), length: text?.length })}`;
}

/** The tokens that a damaged value is made of. */
function tokensIn(description) {
  return description.match(/w\d+/g) ?? [];
}

module.exports = { describeValue, makeValue, NOTHING, tokensIn };
