'use strict';

// The kinds of values that an option can have. Each kind says what it expects (for errors, help and documentation),
// recognises a good JavaScript value, and reads one from text (an argument or an environment variable). Knows nothing
// of which options exist.

const { isIP } = require('node:net');

/** The longest duration that an option takes, in milliseconds: a week. A longer one is a mistake of units. */
const MAX_DURATION = 7 * 24 * 60 * 60 * 1000;

/** Durations from 1 to this many milliseconds are taken, with a warning: they look like seconds. */
const LOOKS_LIKE_SECONDS = 120;

/** The most bytes that an option takes: 1 TiB. More is a mistake. */
const MAX_BYTES = 2 ** 40;

const YES = ['1', 'true', 'yes', 'on'];
const NO = ['0', 'false', 'no', 'off'];

/**
 * @typedef {object} Kind
 * @property {string} type How TypeScript writes it.
 * @property {object} [schema] What a value must be, as JSON Schema, where it can be written in JSON.
 * @property {string} expected What a value must be, to be read after "must be".
 * @property {string} [written] The same for a text, where that differs.
 * @property {(value: unknown) => boolean} accepts Whether a JavaScript value is one of this kind.
 * @property {(text: string) => unknown} read The value that a text stands for; `undefined` if none.
 * @property {(value: any) => string | undefined} [fault] What is wrong with a value that is not accepted, where more
 *   can be said than its type.
 * @property {(value: any) => string | undefined} [doubt] What is odd about an accepted value, if anything.
 */

const TEXT_SCHEMA = { type: 'string', minLength: 1 };

/** @returns {Kind} */
function text() {
  return {
    type: 'string',
    schema: TEXT_SCHEMA,
    expected: 'a non-empty string',
    accepts: (value) => typeof value === 'string' && value.length > 0,
    read: (written) => written,
  };
}

/** A text of some form. @returns {Kind} */
function pattern(form, expected) {
  return {
    ...text(),
    schema: { type: 'string', pattern: form.source },
    expected,
    accepts: (value) => typeof value === 'string' && form.test(value),
  };
}

/** A whole number. @returns {Kind} */
function integer(min, max, unit = '') {
  const accepts = (value) => Number.isSafeInteger(value) && value >= min && value <= max;
  return {
    type: 'number',
    schema: { type: 'integer', minimum: min, maximum: max },
    expected: `a whole number${unit && ` of ${unit}`} from ${min} to ${max}`,
    accepts,
    read(written) {
      const value = /^\d+$/.test(written) ? Number(written) : undefined;
      return accepts(value) ? value : undefined;
    },
  };
}

/** A number of bytes. @returns {Kind} */
function bytes(min, max = MAX_BYTES) {
  return integer(min, max, 'bytes');
}

/** A duration in milliseconds. @returns {Kind} */
function milliseconds(min = 0) {
  return {
    ...integer(min, MAX_DURATION, 'milliseconds'),
    doubt: (value) =>
      value > 0 && value <= LOOKS_LIKE_SECONDS ? `is in milliseconds: ${value} is ${value / 1000} s` : undefined,
  };
}

/** @returns {Kind} */
function flag() {
  return {
    type: 'boolean',
    schema: { type: 'boolean' },
    expected: 'true or false',
    written: '1 or 0',
    accepts: (value) => typeof value === 'boolean',
    read(written) {
      const word = written.toLowerCase();
      return YES.includes(word) ? true : NO.includes(word) ? false : undefined;
    },
  };
}

/** One of some words. @returns {Kind} */
function choice(...words) {
  const quoted = words.map((word) => `'${word}'`);
  return {
    type: quoted.join(' | '),
    schema: { enum: words },
    expected: quoted.join(' or '),
    accepts: (value) => words.includes(value),
    read: (written) => words.find((word) => word === written.toLowerCase()),
  };
}

/** Texts, at least so many; written with commas between them. @returns {Kind} */
function list(min = 0) {
  return {
    type: 'string[]',
    schema: { type: 'array', items: TEXT_SCHEMA, ...(min > 0 && { minItems: min }) },
    expected: `an array of ${min > 0 ? `${min} or more ` : ''}non-empty strings`,
    written: 'strings with commas between them',
    accepts: (value) => isListOfTexts(value) && value.length >= min,
    read: (written) =>
      written
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item.length > 0),
  };
}

function isListOfTexts(value) {
  return Array.isArray(value) && value.every((item) => typeof item === 'string' && item.length > 0);
}

/** Addresses, and networks as an address and the length of what all of theirs begin with. @returns {Kind} */
function networks() {
  return {
    ...list(),
    expected: "an array of IP addresses and networks such as '10.0.0.0/8'",
    written: 'IP addresses and networks such as 10.0.0.0/8, with commas between them',
    accepts: (value) => isListOfTexts(value) && value.every(isNetwork),
  };
}

/** Bits of an address, by the version of IP. */
const ADDRESS_BITS = { 4: 32, 6: 128 };

function isNetwork(text) {
  const [address, length, ...rest] = text.split('/');
  // A zone is a matter of one machine: `fe80::1%eth0`.
  const bits = address.includes('%') ? undefined : ADDRESS_BITS[isIP(address)];
  const isLength = length === undefined || (/^\d{1,3}$/.test(length) && Number(length) <= bits);
  return bits !== undefined && isLength && rest.length === 0;
}

/** A list of texts for each of some names; written as JSON. @returns {Kind} */
function listsByName() {
  return {
    type: 'Record<string, string[]>',
    schema: { type: 'object', additionalProperties: list().schema },
    expected: 'an object of arrays of non-empty strings',
    written: 'JSON such as {"name":["a","b"]}',
    accepts: (value) => isRecord(value) && Object.values(value).every(isListOfTexts),
    fault(value) {
      const [name] = Object.entries(isRecord(value) ? value : {}).find(([, item]) => !isListOfTexts(item)) ?? [];
      return name === undefined ? undefined : `${JSON.stringify(name)} has another value: write ["…"]`;
    },
    read(written) {
      try {
        return JSON.parse(written);
      } catch {
        return undefined;
      }
    },
  };
}

function isRecord(value) {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object with some methods, such as `console`; cannot be written. @returns {Kind} */
function withMethods(type, ...names) {
  return {
    type,
    expected: `an object with the methods ${names.slice(0, -1).join(', ')} and ${names.at(-1)}`,
    accepts: (value) => typeof value === 'object' && value !== null && names.every((name) => isMethod(value, name)),
    read: () => undefined,
  };
}

function isMethod(object, name) {
  return typeof object[name] === 'function';
}

module.exports = {
  text,
  pattern,
  integer,
  bytes,
  milliseconds,
  flag,
  choice,
  list,
  listsByName,
  networks,
  withMethods,
};
