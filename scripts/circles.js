'use strict';

// Finds files that import each other in a circle, in `src/` and `lib/`: a file should be readable with what it imports,
// and without what imports it. `node scripts/circles.js` prints the circles; `npm test` demands that there be none.
//
// It reads paths as text. Of a Rust path such as `crate::hub::outbox::Outbox` the file is the longest part that names a
// module; an item that a module only hands on (`pub use`) counts for the file that defines it. Tests are left out.

const { existsSync, readFileSync, readdirSync } = require('node:fs');
const path = require('node:path');

const ROOT = path.dirname(__dirname);

/** Where a file's own tests begin. */
const TESTS = /^#\[cfg\(test\)\]\nmod tests? \{/m;
/** A name, or names joined by `::`. */
const RUST_PATH = /\b[a-z_]\w*(?:::\w+)+/g;

if (require.main === module) {
  const circles = findCircles();
  for (const circle of circles) {
    console.log([...circle, circle[0]].join('\n  -> '));
  }
  console.log(circles.length === 0 ? 'No file imports itself by way of others.' : `${circles.length} circles.`);
  process.exitCode = circles.length === 0 ? 0 : 1;
}

/** The circles of the sources: of each, the files in the order in which they import each other. */
function findCircles(root = ROOT) {
  const imports = new Map([...importsOfRust(path.join(root, 'src')), ...importsOfJavaScript(path.join(root, 'lib'))]);
  const relative = (file) => path.relative(root, file).replaceAll(path.sep, '/');
  return knots(imports).map((knot) => shortestCircle(knot, imports).map(relative));
}

function* filesBelow(folder, ending) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const file = path.join(folder, entry.name);
    if (isOfTests(entry.name)) {
      continue;
    }
    if (entry.isDirectory()) {
      yield* filesBelow(file, ending);
    } else if (file.endsWith(ending)) {
      yield file;
    }
  }
}

function isOfTests(name) {
  return name === 'tests' || name === 'tests.rs';
}

function importsOfJavaScript(folder) {
  return [...filesBelow(folder, '.js')].map((file) => {
    const required = readFileSync(file, 'utf8').matchAll(/\brequire\('(\.[^']*)'\)/g);
    const targets = [...required].map(([, target]) => path.join(path.dirname(file), target));
    return [file, new Set(targets.filter((target) => existsSync(target)))];
  });
}

function importsOfRust(src) {
  const modules = new Map([...filesBelow(src, '.rs')].map((file) => [moduleName(src, file), readModule(file)]));
  return [...modules].map(([name, module]) => {
    const targets = module.uses.map((used) => definingFile(modules, absolute(used, name, module)));
    return [module.file, new Set(targets.filter((target) => target && target !== module.file))];
  });
}

/** `hub::outbox` for `hub/outbox.rs`, and `hub` for `hub/mod.rs`. */
function moduleName(src, file) {
  const parts = path.relative(src, file).replace(/\.rs$/, '').split(path.sep);
  return ['crate', ...parts.filter((part) => part !== 'mod' && part !== 'lib')].join('::');
}

function readModule(file) {
  const code = withoutComments(readFileSync(file, 'utf8').split(TESTS)[0]);
  const children = [...code.matchAll(/\bmod (\w+);/g)].map(([, child]) => child);
  const faces = [...code.matchAll(/\bpub(?:\([a-z ]+\))? use ([^;]+);/g)].flatMap(([, tree]) => pathsOf(tree));
  const inner = code.replace(/\bpub\(in [\w:]+\)/g, 'pub').replace(/\bpub(?:\([a-z ]+\))? use [^;]+;/g, '');
  const imported = [...inner.matchAll(/\buse ([^;]+);/g)].flatMap(([, tree]) => pathsOf(tree));
  const named = inner.replace(/\buse [^;]+;/g, '').match(RUST_PATH) ?? [];
  const isOfHere = (used) => ['crate', 'super', 'self', ...children].includes(used.split('::')[0]);
  return { file, faces, children, uses: [...imported, ...named].filter(isOfHere) };
}

function withoutComments(code) {
  return code.replace(/^\s*\/\/.*$/gm, '');
}

/** `a::{b, c::{d, e}}` is `a::b`, `a::c::d` and `a::c::e`. */
function pathsOf(tree) {
  const text = tree.replace(/\s+/g, ' ').trim();
  const open = text.indexOf('{');
  if (open < 0) {
    return [text.replace(/ as \w+$/, '').replace(/::self$/, '')];
  }
  const prefix = text.slice(0, open);
  return branches(text.slice(open + 1, text.lastIndexOf('}'))).flatMap((branch) => pathsOf(prefix + branch));
}

/** The parts of a list between the commas that are in no inner braces. */
function branches(list) {
  const parts = [''];
  let depth = 0;
  for (const character of list) {
    depth += { '{': 1, '}': -1 }[character] ?? 0;
    if (character === ',' && depth === 0) {
      parts.push('');
    } else {
      parts[parts.length - 1] += character;
    }
  }
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

function absolute(used, name, { children }) {
  const parts = used.split('::');
  let base = name.split('::');
  if (parts[0] === 'crate') {
    return parts;
  }
  if (children.includes(parts[0])) {
    return [...base, ...parts];
  }
  while (parts[0] === 'super' || parts[0] === 'self') {
    base = parts.shift() === 'super' ? base.slice(0, -1) : base;
  }
  return [...base, ...parts];
}

/** The file of a path's module, or of the one that defines the item which that module hands on. */
function definingFile(modules, parts) {
  for (let length = parts.length; length > 0; length--) {
    const name = parts.slice(0, length).join('::');
    const module = modules.get(name);
    if (module) {
      const item = parts[length];
      const face = module.faces.find((handedOn) => item !== undefined && handedOn.split('::').at(-1) === item);
      return face ? definingFile(modules, absolute(face, name, module)) : length > 1 || item ? module.file : undefined;
    }
  }
  return undefined;
}

/** Tarjan's strongly connected components, those of several files. */
function knots(imports) {
  const indexes = new Map();
  const lowest = new Map();
  const stack = [];
  const found = [];
  const visit = (file) => {
    indexes.set(file, indexes.size);
    lowest.set(file, indexes.get(file));
    stack.push(file);
    for (const target of imports.get(file) ?? []) {
      if (!indexes.has(target)) {
        visit(target);
      }
      if (stack.includes(target)) {
        lowest.set(file, Math.min(lowest.get(file), lowest.get(target)));
      }
    }
    if (lowest.get(file) === indexes.get(file)) {
      const knot = stack.splice(stack.indexOf(file));
      if (knot.length > 1) {
        found.push(new Set(knot));
      }
    }
  };
  for (const file of imports.keys()) {
    if (!indexes.has(file)) {
      visit(file);
    }
  }
  return found;
}

/** The shortest way from a file of the knot back to itself. */
function shortestCircle(knot, imports) {
  const ways = [...knot].map((start) => wayBack(start, knot, imports));
  return ways.sort((a, b) => a.length - b.length)[0];
}

function wayBack(start, knot, imports) {
  const ways = [[start]];
  const seen = new Set();
  for (const way of ways) {
    for (const target of imports.get(way.at(-1)) ?? []) {
      if (target === start) {
        return way;
      }
      if (knot.has(target) && !seen.has(target)) {
        seen.add(target);
        ways.push([...way, target]);
      }
    }
  }
  return [...knot];
}

module.exports = { findCircles };
