'use strict';

// Finds where a text stops being JSON. The messages of JSON.parse do not say it in all versions of Node.js.

const { printable } = require('../printable.js');

const BLANK = /[ \t\r\n]*/y;
const STRING = /"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy;
const ATOM = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])/y;

/** Where the text is not JSON. */
class Fault extends Error {
  constructor(offset, expected) {
    super(expected);
    this.offset = offset;
  }
}

/**
 * Where and why a text is not JSON.
 * @param {string} text
 * @returns {{ line: number, column: number, problem: string } | undefined} Both from 1; `undefined`: it is JSON.
 */
function faultIn(text) {
  try {
    const end = value(text, blank(text, 0));
    if (end < text.length) {
      throw new Fault(end, 'the end of the file');
    }
    return undefined;
  } catch (fault) {
    if (!(fault instanceof Fault)) {
      throw fault;
    }
    const before = text.slice(0, fault.offset).split('\n');
    const found =
      fault.offset < text.length ? `"${printable([...text.slice(fault.offset)][0])}"` : 'the end of the file';
    return {
      line: before.length,
      column: before.at(-1).length + 1,
      problem: `${fault.message} expected, but found ${found}`,
    };
  }
}

/** Each of these gives the offset after what it has read and the blanks that follow. */
function value(text, at) {
  if (text[at] === '{') {
    return items(text, at, '}', member);
  }
  if (text[at] === '[') {
    return items(text, at, ']', value);
  }
  return match(STRING, text, at) ?? match(ATOM, text, at) ?? fail(at, 'a value');
}

function member(text, at) {
  const end = match(STRING, text, at) ?? fail(at, 'a name in double quotes');
  return value(text, character(text, end, [':']));
}

function items(text, start, close, item) {
  let at = blank(text, start + 1);
  if (text[at] === close) {
    return blank(text, at + 1);
  }
  for (;;) {
    at = item(text, at);
    const isLast = text[at] === close;
    at = character(text, at, [',', close]);
    if (isLast) {
      return at;
    }
  }
}

function character(text, at, wanted) {
  return wanted.includes(text[at]) ? blank(text, at + 1) : fail(at, wanted.map((one) => `"${one}"`).join(' or '));
}

function match(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.test(text) ? blank(text, pattern.lastIndex) : undefined;
}

function blank(text, at) {
  BLANK.lastIndex = at;
  BLANK.test(text);
  return BLANK.lastIndex;
}

function fail(at, expected) {
  throw new Fault(at, expected);
}

module.exports = { faultIn };
