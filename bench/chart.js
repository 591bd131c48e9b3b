#!/usr/bin/env node
'use strict';

// `npm run bench:chart`: draws bench/results.json as docs/bench.svg, how many times better the hub is
// than the yardstick.

const fs = require('node:fs');
const path = require('node:path');

const { COMPARISONS } = require('./rows.js');
const { readArguments, runCommand } = require('./support/command.js');
const { number } = require('./support/report.js');

const HELP = `Usage: npm run bench:chart -- [results] [svg]
  results  what npm run bench has written [bench/results.json]
  svg      where the chart goes [docs/bench.svg]`;

const RESULTS = path.join(__dirname, 'results.json');
const CHART = path.join(__dirname, '..', 'docs', 'bench.svg');

/** All lengths in pixels. */
const LAYOUT = { width: 940, label: 310, bar: 340, row: 26, thickness: 14, top: 64, bottom: 44 };
/** The scale is logarithmic, for the ratios reach from about 1 to about 50. */
const GRID = [0.5, 1, 2, 5, 10, 20, 50, 100];

const escaped = (text) => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** One bar for each figure that has a ratio to the `ws` yardstick. */
function bars(report) {
  return report.rows
    .filter(({ comparison }) => COMPARISONS[comparison].other.kind === 'ws')
    .flatMap(({ name, figures }) =>
      figures.map((figure) => ({ ...figure, title: figure.name ? `${name}: ${figure.name}` : name })),
    )
    .filter(({ ratio }) => ratio > 0);
}

/** A function from ratios to horizontal positions which has room for every bar and for 1x. */
function scaleFor(figures) {
  const ratios = figures.map(({ ratio }) => ratio);
  const low = Math.min(1, ...ratios);
  const high = Math.max(2, ...ratios) * 1.05;
  const x = (ratio) => LAYOUT.label + (LAYOUT.bar * Math.log(ratio / low)) / Math.log(high / low);
  return { x, grid: GRID.filter((value) => value >= low && value <= high) };
}

function barSvg(figure, index, x) {
  const y = LAYOUT.top + index * LAYOUT.row;
  const middle = y + LAYOUT.thickness - 3;
  const [from, to] = [x(1), x(figure.ratio)];
  const side = figure.ratio >= 1 ? 'better' : 'worse';
  const detail = `${number(figure.ours)} against ${number(figure.other)} ${figure.unit}`;
  return [
    `<text class="label" x="${LAYOUT.label - 10}" y="${middle}">${escaped(figure.title)}</text>`,
    `<rect class="${side}" x="${Math.min(from, to).toFixed(1)}" y="${y}" width="${Math.max(1, Math.abs(to - from)).toFixed(1)}" height="${LAYOUT.thickness}" rx="2"/>`,
    `<text x="${(Math.max(from, to) + 6).toFixed(1)}" y="${middle}"><tspan class="ratio">${number(figure.ratio)}×</tspan> <tspan class="detail">${escaped(detail)}</tspan></text>`,
  ].join('\n');
}

function gridSvg({ x, grid }, height) {
  const [top, bottom] = [LAYOUT.top - 10, height - LAYOUT.bottom + 4];
  return grid
    .map((value) => {
      const at = x(value).toFixed(1);
      const style = value === 1 ? 'base' : 'grid';
      return `<line class="${style}" x1="${at}" y1="${top}" x2="${at}" y2="${bottom}"/><text class="tick" x="${at}" y="${top - 4}">${value}×</text>`;
    })
    .join('\n');
}

function svg(report) {
  const figures = bars(report);
  const scale = scaleFor(figures);
  const height = LAYOUT.top + figures.length * LAYOUT.row + LAYOUT.bottom;
  const { cpu, cores, node, ws } = report.machine;
  const footer = `${cpu}, ${cores} cores; Node.js ${node}, ws ${ws}; ${report.date.slice(0, 10)}; median of ${report.settings.rounds} rounds; logarithmic scale`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${LAYOUT.width} ${height}" role="img" aria-label="The hub compared with a router on npm ws">
<style>
text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328 }
.title { font-size: 15px; font-weight: 600 } .label { text-anchor: end } .ratio { font-weight: 600 }
.detail, .tick, .footer { fill: #656d76; font-size: 11px } .tick { text-anchor: middle }
.better { fill: #1a7f64 } .worse { fill: #bc4c00 } .grid { stroke: #d1d9e0 } .base { stroke: #656d76 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .detail, .tick, .footer { fill: #9198a1 }
  .better { fill: #3fb28f } .worse { fill: #e0823d } .grid { stroke: #3d444d } .base { stroke: #9198a1 }
}
</style>
<text class="title" x="16" y="24">How many times better than a router on npm ws</text>
${gridSvg(scale, height)}
${figures.map((figure, index) => barSvg(figure, index, scale.x)).join('\n')}
<text class="footer" x="16" y="${height - 14}">${escaped(footer)}</text>
</svg>
`;
}

function main() {
  const { positionals } = readArguments(HELP, { allowPositionals: true });
  const [source = RESULTS, goal = CHART] = positionals;
  fs.mkdirSync(path.dirname(goal), { recursive: true });
  fs.writeFileSync(goal, svg(JSON.parse(fs.readFileSync(source, 'utf8'))));
  console.log(`drew ${path.relative('', goal)}`);
}

runCommand(main);
