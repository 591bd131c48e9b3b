'use strict';

// Which processes of this machine have files of AceBase databases open. Linux tells, of the user's own processes;
// elsewhere nobody is seen.

const { readdirSync, readFileSync, readlinkSync } = require('node:fs');
const path = require('node:path');

/** How the folders of AceBase's databases end. */
const FOLDER = /^(.*\.acebase)\/[^/]+\.db$/;

/** Options of Node.js that are followed by a word of theirs. */
const OPTIONS_WITH_VALUE = ['-r', '--require', '--import', '-C'];

/** @returns {{ pid: number, command: string, folder: string }[]} Each process and folder once. */
function filesInUse() {
  return list('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) =>
      foldersOf(pid).map((folder) => ({ pid: Number(pid), command: commandOf(pid), folder: path.basename(folder) })),
    );
}

function foldersOf(pid) {
  const files = list(`/proc/${pid}/fd`).map((fd) => quietly(() => readlinkSync(`/proc/${pid}/fd/${fd}`)));
  return [...new Set(files.map((file) => file?.match(FOLDER)?.[1]).filter(Boolean))];
}

/** Its program and its script, without what Node.js itself is told before it: as the server tells of its clients. */
function commandOf(pid) {
  const line = quietly(() => readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ?? '';
  const [program, ...words] = line.split('\0').filter(Boolean);
  const isTold = (word, at) => !word.startsWith('-') && !OPTIONS_WITH_VALUE.includes(words[at - 1]);
  return [program, words.find(isTold)]
    .filter(Boolean)
    .map((word) => path.basename(word))
    .join(' ');
}

function list(folder) {
  return quietly(() => readdirSync(folder)) ?? [];
}

/** A process may end at any time, or be another user's. */
function quietly(read) {
  try {
    return read();
  } catch {
    return undefined;
  }
}

module.exports = { filesInUse };
