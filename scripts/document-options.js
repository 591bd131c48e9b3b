'use strict';

// Writes what README.md and index.d.ts say of the options, and the defaults that a test holds the server's own against,
// from the one table of options: `npm run document-options`. A test demands that all be up to date.

const { readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const { VARIABLES } = require('../lib/command-line/command-line.js');
const { LOG_OPTIONS, OPTIONS, SSL } = require('../lib/config/options.js');

const ROOT = path.dirname(__dirname);
/** The longest line of index.d.ts. */
const WIDTH = 120;

/** What the server takes that is no option, with its default: it follows from NODE_ENV. */
const NO_OPTIONS = { development: false };

/** What comes before and after the options in each file, and how they are written there. */
const DOCUMENTS = [
  {
    file: 'README.md',
    place: /(?<=\n\| option \| variable \| default \| what it is for \|\n\|---\|---\|---\|---\|\n)(?:\|.*\n)+/,
    write: each(tableRow),
  },
  {
    file: 'index.d.ts',
    place: /(?<=\nexport interface AceBaseIPCServerConfig \{\n).+?(?=\}\n)/s,
    write: each(declaration),
  },
  {
    file: 'src/server/config/defaults.json',
    place: /^.*$/s,
    write: defaults,
  },
];

if (require.main === module) {
  for (const { file, text } of documents()) {
    writeFileSync(path.join(ROOT, file), text);
  }
}

/** Each file, as it is, and as it must be. */
function documents() {
  const options = [...OPTIONS];
  // A server's address, and then how it is encrypted.
  options.splice(options.findIndex(({ name }) => name === 'port') + 1, 0, SSL);
  return DOCUMENTS.map(({ file, place, write }) => {
    const present = readFileSync(path.join(ROOT, file), 'utf8');
    if (!place.test(present)) {
      throw new Error(`${file} has no place for the options`);
    }
    return { file, present, text: present.replace(place, () => write(options)) };
  });
}

function each(write) {
  return (options) => options.map(write).join('');
}

/** What the server takes where an option is not given, as JSON. */
function defaults(options) {
  const its = options.filter(({ name }) => !LOG_OPTIONS.includes(name));
  const all = its.map((option) => [option.name, defaultOfServer(option)]);
  return `${JSON.stringify({ ...Object.fromEntries(all), ...NO_OPTIONS }, null, 2)}\n`;
}

/** Where there is no plain default, there is none. */
function defaultOfServer({ name, absent, default: value }) {
  // The server is told how the port is kept, if it is.
  return absent || (name === 'keepPort' && value === false) ? null : (value ?? null);
}

function tableRow(option) {
  return `| ${[`\`${option.name}\``, variableOf(option), defaultOf(option), option.help].join(' | ')} |\n`;
}

function variableOf({ name, isCodeOnly }) {
  return isCodeOnly ? 'none' : `\`${VARIABLES.find((variable) => variable.name === name).variable}\``;
}

function defaultOf({ absent, default: value }) {
  if (absent) {
    return absent;
  }
  return Array.isArray(value) ? 'none' : `\`${value}\``;
}

function declaration(option) {
  return `${comment(`${option.help} Default: ${defaultOf(option)}.`)}  ${option.name}?: ${option.kind.type};\n`;
}

/** A text as a comment: in one line, if it fits into one. */
function comment(text) {
  const line = `  /** ${text} */`;
  if (line.length <= WIDTH) {
    return `${line}\n`;
  }
  const lines = [];
  for (const word of text.split(' ')) {
    const longer = `${lines.at(-1) ?? '   *'} ${word}`;
    if (lines.length > 0 && longer.length <= WIDTH) {
      lines[lines.length - 1] = longer;
    } else {
      lines.push(`   * ${word}`);
    }
  }
  return `  /**\n${lines.join('\n')}\n   */\n`;
}

module.exports = { documents };
