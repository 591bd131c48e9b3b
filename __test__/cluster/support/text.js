'use strict';

// Long texts that are hard to carry, and short names for them.

const { createHash } = require('node:crypto');

/** One, two, three and four bytes a character in UTF-8; the last one is two units in UTF-16. */
const PATTERN = 'Plain, é, ⚡, 😀. ';

/** A text of at least this many bytes in UTF-8. */
function longText(bytes) {
  return PATTERN.repeat(Math.ceil(bytes / Buffer.byteLength(PATTERN)));
}

/** What stands for a value in reports: texts that are too long to be read are their digest. */
function summary(value) {
  if (typeof value !== 'string' || value.length <= 100) {
    return value;
  }
  return { length: value.length, sha256: createHash('sha256').update(value).digest('hex') };
}

module.exports = { longText, summary };
