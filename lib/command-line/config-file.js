'use strict';

// A configuration file: JSON with the names of the options, and perhaps with the key `$schema`, by which editors find
// config.schema.json. What is wrong with it is said with the file and the key.

const { readFileSync } = require('node:fs');

const { readValues } = require('../config/config.js');
const { loadNative } = require('../native.js');
const { UsageError } = require('./usage-error.js');

/**
 * Reads a configuration file. Whether its options go together is not looked at: arguments may add to them.
 * @param {string} path
 * @returns {{ options: Record<string, unknown>, doubts: string[] }} `doubts`: keys that are not known.
 * @throws {UsageError}
 */
function readConfigFile(path) {
  const { options, doubts } = check(path, withoutSchema(parse(path, read(path))));
  const unknown = doubts.filter(({ code }) => code === 'unknown-option');
  return { options, doubts: unknown.map(({ message }) => `${path}: ${message}`) };
}

function read(path) {
  try {
    // Editors of Windows write a mark in front.
    return readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch (error) {
    throw new UsageError(`${path}: cannot be read (${error.code})`);
  }
}

function parse(path, text) {
  try {
    return JSON.parse(text);
  } catch {
    // Node.js does not say where it is in all its versions, and repeats what is there: it may be a token.
    throw new UsageError(`${path}: not JSON: ${loadNative().jsonFault(text)}`);
  }
}

/** `$schema` is for the editor. */
function withoutSchema(config) {
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    return config;
  }
  const { $schema, ...options } = config;
  return options;
}

function check(path, config) {
  try {
    return readValues(config);
  } catch (error) {
    if (error.problem === undefined) {
      throw error;
    }
    const key = error.option ? `${error.option}: ` : '';
    throw new UsageError(`${path}: ${key}${error.problem}`);
  }
}

module.exports = { readConfigFile };
