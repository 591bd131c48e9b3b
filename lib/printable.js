'use strict';

// What clients call themselves, their paths and their databases must not write lines of their own into a log, move the
// cursor of a terminal, turn the direction of a line around, or hide in it. The same rule in Rust is in
// src/protocol/printable.rs; a test holds them to each other. Pure, and without `require`: the server serves this file
// to the live page, too, as a module (src/observe/page.rs).

/** Control and format characters, separators of lines and paragraphs, and halves of characters. */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

/**
 * A text with its unseen characters written out: `\x0a`, `\u{202e}`.
 * @param {unknown} text
 */
function printable(text) {
  return String(text).replace(UNSEEN, (character) => {
    const code = character.codePointAt(0);
    return code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/**
 * JSON that says the same, with the unseen characters of its texts as escapes: people read it, too.
 * @param {string} json
 */
function printableJson(json) {
  // Line ends are between the values: in texts they are escapes already.
  return json.replace(UNSEEN, (character) =>
    character === '\n' ? character : character.split('').map(escaped).join(''),
  );
}

/** JSON's escape of one UTF-16 unit. */
function escaped(unit) {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

module.exports = { printable, printableJson };
