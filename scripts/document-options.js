'use strict';

// Writes what README.md and index.d.ts say of the options, the schema of the configuration file, and the defaults that
// a test holds the server's own against, from the one table of options: `npm run document-options`. A test demands
// that all be up to date.

const { readFileSync, writeFileSync } = require('node:fs');
const path = require('node:path');

const { VARIABLES } = require('../lib/command-line/command-line.js');
const { CLUSTER, GROUPS, LOG_OPTIONS, OPTIONS, SSL } = require('../lib/config/options.js');

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
  {
    file: 'config.schema.json',
    place: /^.*$/s,
    write: schema,
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
  options.splice(
    options.findIndex(({ name }) => name === 'maxConnections'),
    0,
    CLUSTER,
  );
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
  return asJson({ ...Object.fromEntries(all), ...NO_OPTIONS });
}

/** Where there is no plain default, there is none. */
function defaultOfServer({ name, absent, default: value }) {
  // The server is told how the port is kept, if it is.
  return absent || (name === 'keepPort' && value === false) ? null : (value ?? null);
}

/**
 * A configuration file as JSON Schema. What must go together is not demanded: the command's arguments may add to the
 * file. An editor takes an unknown key for a mistake; the command notes it, and goes on.
 */
function schema(options) {
  const all = options.filter((option) => !option.isCodeOnly).map(withSchema);
  const { properties, ...rest } = objectSchema(all);
  const description = 'acebase-ipc-server --config file.json. All durations are in milliseconds, all sizes in bytes.';
  return asJson({
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Configuration file of acebase-ipc-server',
    description,
    ...rest,
    properties: { $schema: { description: 'Where this schema is, for editors.', type: 'string' }, ...properties },
  });
}

/** An option that is an object of options has the schema of these. */
function withSchema(option) {
  const own = GROUPS.find(({ group }) => group === option);
  return own ? { ...option, kind: { schema: objectSchema(own.options) } } : option;
}

function objectSchema(options) {
  return {
    type: 'object',
    properties: Object.fromEntries(options.map((option) => [option.name, optionSchema(option)])),
    additionalProperties: false,
  };
}

/** The default is the command's: it is what reads such files. */
function optionSchema({ kind, help, default: value, absent, commandLineDefault }) {
  const stated = commandLineDefault ?? (absent ? undefined : value);
  const description = absent && stated === undefined ? `${help} Default: ${absent}.` : help;
  return { description, ...kind.schema, ...(stated !== undefined && { default: stated }) };
}

function asJson(value) {
  return `${JSON.stringify(value, null, 2)}\n`;
}

function tableRow(option) {
  return `| ${[`\`${option.name}\``, variableOf(option), defaultOf(option), option.help].join(' | ')} |\n`;
}

function variableOf({ name, isCodeOnly }) {
  return isCodeOnly
    ? 'none'
    : `\`${(VARIABLES.find((variable) => variable.name === name) ?? clusterVariable()).variable}\``;
}

/** What `cluster` is switched on with. */
function clusterVariable() {
  return VARIABLES.find((variable) => variable.isCluster);
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
