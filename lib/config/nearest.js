'use strict';

// Finds the word that somebody probably meant.

/** A word that needs more changes than this is another word. */
const MAX_CHANGES = 2;

/**
 * @param {string} word
 * @param {string[]} candidates
 * @returns {string | undefined} The candidate that is most like `word`, if one is like it at all.
 */
function nearest(word, candidates) {
  const ranked = candidates
    .map((candidate) => ({ candidate, changes: distance(fold(word), fold(candidate)) }))
    .sort((a, b) => a.changes - b.changes);
  return ranked[0]?.changes <= Math.min(MAX_CHANGES, word.length - 1) ? ranked[0].candidate : undefined;
}

/** Case, dashes and underscores are the commonest slips and count as no change. */
function fold(word) {
  return word.toLowerCase().replace(/[-_]/g, '');
}

/** How many characters must be put in, taken out or replaced to make `b` of `a`. */
function distance(a, b) {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let line = 1; line <= a.length; line++) {
    const next = [line];
    for (let column = 1; column <= b.length; column++) {
      const replaced = row[column - 1] + (a[line - 1] === b[column - 1] ? 0 : 1);
      next.push(Math.min(row[column] + 1, next[column - 1] + 1, replaced));
    }
    row = next;
  }
  return row[b.length];
}

module.exports = { nearest };
