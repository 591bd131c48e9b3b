'use strict';

/**
 * A text without control characters: what clients call themselves, their paths and their databases must not write
 * lines of their own into a log, nor move the cursor of a terminal.
 * @param {unknown} text
 */
function printable(text) {
  return String(text).replace(
    /\p{Cc}/gu,
    (character) => `\\x${character.codePointAt(0).toString(16).padStart(2, '0')}`,
  );
}

module.exports = { printable };
