'use strict';

// Messages as texts. Values that JSON cannot carry keep their types: the text is the JSON that a published client
// reads, and says beside it what was where. Pure; what types there are is AceBase's own `Transport`.

/** Messages that carry values of the application. All others are plain data. */
const WITH_VALUES = new Set(['event', 'notification', 'request', 'result']);

/** How deep values may be nested: AceBase itself does not store more, and what refers to itself has no end. */
const MAX_DEPTH = 512;

/** A reference arrives at published clients as `{ path }`. */
const REFERENCE = 'reference';

class Values {
  #transport;

  /**
   * @param {{ serialize(value: object): { map?: object, val: object }, deserialize(data: object): any }} transport Of
   *   the acebase-core whose classes the values are of.
   */
  constructor(transport) {
    this.#transport = transport;
  }

  /** @param {object} message */
  write(message) {
    if (!WITH_VALUES.has(message.type)) {
      return JSON.stringify(message);
    }
    const types = [];
    const plain = this.#plain(message, [], types);
    return JSON.stringify(types.length > 0 ? { ...plain, types } : message);
  }

  /** @returns {unknown} The value itself where all of it is plain. */
  #plain(value, place, types) {
    if (typeof value === 'bigint') {
      return this.#typed(value, place, types);
    }
    if (typeof value !== 'object' || value === null || place.length > MAX_DEPTH) {
      return value;
    }
    return hasOwnType(value) ? this.#typed(asAceBaseHasIt(value), place, types) : this.#plainParts(value, place, types);
  }

  #plainParts(value, place, types) {
    let copy = value;
    for (const key of Object.keys(value)) {
      const part = value[key];
      if ((typeof part !== 'object' && typeof part !== 'bigint') || part === null) {
        continue;
      }
      place.push(key);
      const plain = this.#plain(part, place, types);
      place.pop();
      if (plain !== part) {
        copy = copy === value ? (Array.isArray(value) ? [...value] : { ...value }) : copy;
        copy[key] = plain;
      }
    }
    return copy;
  }

  /** One value of a type that `Transport` may know; what an old one does not is left to JSON. */
  #typed(value, place, types) {
    const { map, val } = this.#transport.serialize({ value });
    const type = map?.value;
    if (typeof type !== 'string') {
      return value;
    }
    types.push([[...place], type]);
    return type === REFERENCE ? { path: val.value } : val.value;
  }

  /** @param {string} text */
  read(text) {
    const message = JSON.parse(text);
    if (Array.isArray(message.types)) {
      for (const [place, type] of message.types) {
        this.#restore(message, place, type);
      }
      message.types = undefined;
    }
    return message;
  }

  #restore(message, place, type) {
    const keys = [...place];
    const last = keys.pop();
    const parent = keys.reduce((value, key) => (Object.hasOwn(value, key) ? value[key] : undefined), message);
    if (!Object.hasOwn(parent, last)) {
      throw new Error('a type was given for nothing');
    }
    const text = type === REFERENCE ? parent[last].path : parent[last];
    parent[last] = this.#transport.deserialize({ map: { value: type }, val: { value: text } }).value;
  }
}

/** Objects that are more than their members. AceBase's classes are not looked up: each build of it has its own. */
function hasOwnType(value) {
  return (
    value instanceof Date ||
    value instanceof ArrayBuffer ||
    ArrayBuffer.isView(value) ||
    value instanceof RegExp ||
    value.constructor?.name === 'PathReference'
  );
}

/** Binary values are array buffers when they are read. */
function asAceBaseHasIt(value) {
  return ArrayBuffer.isView(value) ? value.buffer.slice(value.byteOffset, value.byteOffset + value.byteLength) : value;
}

module.exports = { Values };
