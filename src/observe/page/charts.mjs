// The charts: what each shows, and how it looks. Drawn by uPlot, which is a script of its own.

import { element, list, setText } from './dom.mjs';
import words from './words.mjs';

const { uPlot } = globalThis;

const HEIGHT = 140;
const SPARK = { width: 120, height: 24 };
/** What the scale of a peer's line has at least, in messages a second. */
const SPARK_ROOM = 4;

/** One colour and one kind of line for each of a chart's curves: neither is needed to tell them apart. */
const INKS = [
  { color: '--blue', dash: [] },
  { color: '--amber', dash: [5, 3] },
];

/**
 * `room`: what the scale has at least, so that a ripple is no mountain. `steps`: between its marks, where those of tens
 * won't do.
 */
const CHARTS = [
  {
    title: 'Messages',
    curves: [
      { figure: 'received', label: 'in' },
      { figure: 'sent', label: 'out' },
    ],
    room: 4,
    format: words.rate,
  },
  {
    title: 'Queued',
    curves: [{ figure: 'queuedBytes', label: 'bytes that wait' }],
    room: 4096,
    steps: Array.from({ length: 40 }, (_, power) => 2 ** power),
    format: (value) => (value === null ? '–' : words.bytes(value)),
  },
  {
    title: 'Locks',
    curves: [
      { figure: 'locksHeld', label: 'held' },
      { figure: 'locksWaiting', label: 'waiting' },
    ],
    room: 4,
    steps: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000],
    format: (value) => (value === null ? '–' : words.whole(value)),
  },
];

/** Seconds are told where they matter. */
function timeOf(seconds) {
  const time = words.clock(seconds * 1000);
  return seconds % 60 === 0 ? time.slice(0, 5) : time;
}

function ink(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** One chart, its caption and the curves' latest values, or those under the pointer. */
class Chart {
  #plot;
  #shown;
  #values;
  #time;

  constructor(definition) {
    this.definition = definition;
    this.#time = element('span', { className: 'time' });
    this.#values = definition.curves.map(() => element('b'));
    const legend = definition.curves.map((curve, index) => {
      const swatch = element('i', { className: `swatch curve-${index}` });
      return element('span', { children: [swatch, `${curve.label} `, this.#values[index]] });
    });
    const caption = element('figcaption', {
      children: [element('h3', { text: definition.title }), ...legend, this.#time],
    });
    this.canvas = element('div', { className: 'canvas' });
    this.canvas.setAttribute('aria-hidden', 'true');
    this.figure = element('figure', { children: [caption, this.canvas] });
    this.resizing = new ResizeObserver(() => this.#fit());
    this.resizing.observe(this.canvas);
  }

  draw(times, curves) {
    const seconds = times.map((at) => at / 1000);
    const nothing = times.map(() => null);
    const data = [seconds, ...this.definition.curves.map((curve) => curves?.[curve.figure] ?? nothing)];
    this.#shown = data;
    this.#plot ??= this.#make(data);
    this.#plot.setData(data);
    this.#tell(this.#plot.cursor.idx);
  }

  /** Draws anew from scratch: the colours have changed. */
  restyle() {
    this.#plot?.destroy();
    this.#plot = undefined;
    if (this.#shown) {
      this.#plot = this.#make(this.#shown);
    }
  }

  #make(data) {
    const axis = { stroke: ink('--soft'), grid: { stroke: ink('--line'), width: 1 }, ticks: { show: false } };
    const font = '11px system-ui, sans-serif';
    const options = {
      width: Math.max(this.canvas.clientWidth, 100),
      height: HEIGHT,
      padding: [8, 16, 0, 0],
      legend: { show: false },
      cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false }, sync: { key: 'charts' } },
      scales: { y: { range: (_, __, max) => [0, Math.max(max * 1.1, this.definition.room)] } },
      axes: [
        { ...axis, font, size: 26, space: 70, values: (_, ticks) => ticks.map(timeOf) },
        {
          ...axis,
          font,
          size: 62,
          space: 32,
          ...(this.definition.steps && { incrs: this.definition.steps }),
          values: (_, ticks) => ticks.map((value) => this.definition.format(value)),
        },
      ],
      series: [{}, ...this.definition.curves.map((_, index) => this.#series(INKS[index]))],
      hooks: { setCursor: [(plot) => this.#tell(plot.cursor.idx)] },
    };
    return new uPlot(options, data, this.canvas);
  }

  #series({ color, dash }) {
    return { stroke: ink(color), width: 1.5, dash, points: { show: false }, spanGaps: false };
  }

  #fit() {
    if (this.#plot && this.canvas.clientWidth > 0 && this.canvas.clientWidth !== this.#plot.width) {
      this.#plot.setSize({ width: this.canvas.clientWidth, height: HEIGHT });
    }
  }

  /** Tells the values of one moment; without one, the latest. */
  #tell(index) {
    const [seconds, ...curves] = this.#shown;
    const isPast = index !== null && index !== undefined && index < seconds.length - 1;
    const at = isPast ? index : seconds.length - 1;
    setText(this.#time, isPast ? words.clock(seconds[at] * 1000) : '');
    curves.forEach((points, number) => {
      setText(this.#values[number], this.definition.format(points[at] ?? null));
    });
  }
}

const CHARTS_MADE = [];
const SPARKS = new WeakMap();

/** Shows a database's charts. */
export function drawCharts(parent, model, name) {
  if (CHARTS_MADE.length === 0) {
    CHARTS_MADE.push(...CHARTS.map((definition) => new Chart(definition)));
  }
  list(parent, CHARTS_MADE, {
    key: (chart) => chart.definition.title,
    make: (chart) => chart.figure,
    update: (_, chart) => chart.draw(model.times, model.curves.get(name)),
  });
}

/** Shows a peer's traffic in a small line. */
export function drawSpark(parent, points) {
  const data = [points.map((_, index) => index), points];
  if (!SPARKS.has(parent)) {
    parent.setAttribute('aria-hidden', 'true');
    SPARKS.set(parent, makeSpark(parent, data));
  }
  SPARKS.get(parent).setData(data);
}

function makeSpark(parent, data) {
  const options = {
    ...SPARK,
    padding: [2, 0, 2, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false }, y: { range: (_, __, max) => [0, Math.max(max, SPARK_ROOM)] } },
    axes: [{ show: false }, { show: false }],
    series: [{}, { stroke: ink('--blue'), width: 1.25, points: { show: false } }],
  };
  return new uPlot(options, data, parent);
}

/** The colours have changed: everything is drawn anew. */
export function restyle() {
  for (const chart of CHARTS_MADE) {
    chart.restyle();
  }
  for (const parent of document.querySelectorAll('.spark')) {
    SPARKS.get(parent)?.destroy();
    SPARKS.delete(parent);
  }
}
