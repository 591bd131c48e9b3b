'use strict';

// Texts as WebSocket frames of a client: masked, and all that leave together in one piece of memory, so that they are
// one write. Pure, but for chance.

const { randomFillSync } = require('node:crypto');

/** A whole text message in one frame. */
const TEXT = 0x81;

/** The frame is masked, as every one of a client must be. */
const MASKED = 0x80;

/** Longest payloads that are said in one byte, and in two more. */
const MAX_SHORT = 125;
const MAX_MEDIUM = 0xffff;

/** The longest header with its mask, in bytes. */
const MAX_HEADER = 14;

/** Random bytes are drawn for so many frames at once. */
const MASKS = Buffer.alloc(4 * 1024);
let nextMask = MASKS.length;

/**
 * @param {string[]} texts
 * @returns {Buffer} Their frames, one after the other.
 */
function framesOf(texts) {
  let room = 0;
  for (const text of texts) {
    room += MAX_HEADER + Buffer.byteLength(text);
  }
  const bytes = Buffer.allocUnsafe(room);
  let end = 0;
  for (const text of texts) {
    end = put(bytes, end, text);
  }
  return bytes.subarray(0, end);
}

/** @returns {number} Where the frame ends. */
function put(bytes, start, text) {
  const length = Buffer.byteLength(text);
  bytes[start] = TEXT;
  const at = putLength(bytes, start + 1, length);
  const mask = drawMask();
  MASKS.copy(bytes, at, mask, mask + 4);
  const begin = at + 4;
  bytes.write(text, begin);
  for (let n = 0; n < length; n++) {
    bytes[begin + n] ^= MASKS[mask + (n & 3)];
  }
  return begin + length;
}

/** @returns {number} Where the mask begins. */
function putLength(bytes, at, length) {
  if (length <= MAX_SHORT) {
    bytes[at] = MASKED | length;
    return at + 1;
  }
  if (length <= MAX_MEDIUM) {
    bytes[at] = MASKED | 126;
    return bytes.writeUInt16BE(length, at + 1);
  }
  bytes[at] = MASKED | 127;
  return bytes.writeUInt32BE(length, bytes.writeUInt32BE(0, at + 1));
}

/** Where a mask stands that no frame has had. */
function drawMask() {
  if (nextMask >= MASKS.length) {
    randomFillSync(MASKS);
    nextMask = 0;
  }
  nextMask += 4;
  return nextMask - 4;
}

module.exports = { framesOf };
