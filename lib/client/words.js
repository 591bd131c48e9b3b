'use strict';

// The words of the wire: addresses, and the frames of the extension. Pure.

/** What a client of this protocol says it is. */
const PROTOCOL_VERSION = '1.0.0';

/**
 * Encodes a part of an address. Brackets stay: the master's id has always been sent as it is.
 * @param {unknown} part
 */
function encode(part) {
  return encodeURIComponent(String(part)).replace(/%5B/gi, '[').replace(/%5D/gi, ']');
}

/** The query that says who somebody is. Without a token the published clients send `undefined`. */
function credentials({ id, token }) {
  return `id=${encode(id)}&t=${encode(token)}`;
}

/**
 * Reads the hub's first frame.
 * @param {string} text
 * @returns {{ maxPayload?: number, reliable?: object } | undefined} Nothing: it is no welcome.
 */
function readWelcome(text) {
  if (!text.startsWith('welcome:')) {
    return undefined;
  }
  try {
    const welcome = JSON.parse(text.slice('welcome:'.length));
    return typeof welcome === 'object' && welcome !== null ? welcome : {};
  } catch {
    return {};
  }
}

/** A number as the extension writes it: above 0, decimal, without zeros before it. */
const NUMBER = /^[1-9]\d{0,15}$/;

/**
 * Reads a numbered frame of the hub, `# text` or `#life,number text`.
 * @param {string} frame That begins with `#`.
 * @returns {{ text: string, life?: string, number?: number } | undefined} Nothing: it is none.
 */
function readNumbered(frame) {
  const space = frame.indexOf(' ');
  if (space === 1) {
    return { text: frame.slice(2) };
  }
  const comma = frame.indexOf(',');
  if (comma < 2 || comma > space) {
    return undefined;
  }
  const number = readNumber(frame.slice(comma + 1, space));
  return number && { text: frame.slice(space + 1), life: frame.slice(1, comma), number };
}

/** @returns {number | undefined} Nothing: it is none, or one that nobody gives. */
function readNumber(text) {
  const number = NUMBER.test(text) ? Number(text) : undefined;
  return Number.isSafeInteger(number) ? number : undefined;
}

/**
 * Reads an acknowledgement, `=number`.
 * @param {string} frame
 * @returns {number | undefined} Nothing: it is none.
 */
function readAcknowledgement(frame) {
  return frame === '=0' ? 0 : readNumber(frame.slice(1));
}

/** Who a text was from, and what it was: it is long, and was made here. */
function headOf(text) {
  const { id, type } = JSON.parse(text.slice(text.indexOf('{')));
  return { id, type };
}

module.exports = { credentials, encode, headOf, PROTOCOL_VERSION, readAcknowledgement, readNumbered, readWelcome };
