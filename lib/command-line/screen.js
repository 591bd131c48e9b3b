'use strict';

// A terminal whose content is replaced again and again; where there is no terminal, lines that follow each other.

/** The sequences that terminals know. */
const ANSI = {
  enter: '\x1b[?1049h\x1b[?25l',
  leave: '\x1b[?25h\x1b[?1049l',
  home: '\x1b[H',
  endOfLine: '\x1b[K',
  rest: '\x1b[J',
};

/** How a line with a style begins; it ends with the last of these. */
const STYLES = { error: '\x1b[1;31m', warning: '\x1b[33m', bold: '\x1b[1m', soft: '\x1b[2m', bar: '\x1b[7m' };
const PLAIN = '\x1b[0m';

/** Keys that end it: q, and Ctrl-C, which is a key like others while keys are read one by one. */
const END_KEYS = ['q', 'Q', '\x03'];

/** What terminals send for keys that are no characters. */
const NAMED_KEYS = {
  '\x1b[A': 'up',
  '\x1b[B': 'down',
  '\x1bOA': 'up',
  '\x1bOB': 'down',
  '\x1b[5~': 'pageup',
  '\x1b[6~': 'pagedown',
  '\x1b[H': 'home',
  '\x1b[1~': 'home',
  '\x1b[F': 'end',
  '\x1b[4~': 'end',
};

/** How those begin. */
const ESCAPE = '\x1b';

/** One key: such a sequence, or a character. Who types fast, or holds a key down, sends several at once. */
const KEY = new RegExp(`${ESCAPE}(?:\\[[\\d;]*[A-Za-z~]|O[A-Z])|.`, 'gsu');

/** Size of a terminal that does not tell. */
const DEFAULT_SIZE = { columns: 80, rows: 24 };

/** Where there is no terminal, all lines are shown. */
const ENDLESS = { columns: 160, rows: 10_000 };

/**
 * Opens the terminal, until a key or a signal closes it.
 * @param {{ draw(size: { columns: number, rows: number }): (string | { text: string, style?: string })[], onKey?(key:
 *   string): void, input?: NodeJS.ReadStream, output?: NodeJS.WriteStream, hasColours?: boolean }} settings `draw`
 *   gives
 *   the lines, whenever they are to be shown.
 */
function openScreen({
  draw,
  onKey = () => {},
  input = process.stdin,
  output = process.stdout,
  hasColours = !process.env.NO_COLOR,
}) {
  return new Screen(draw, onKey, input, output, hasColours);
}

class Screen {
  #draw;
  #onKey;
  #input;
  #output;
  #hasColours;
  #isOpen = true;
  /** Ends the waiting of the moment. */
  #wake = () => {};

  constructor(draw, onKey, input, output, hasColours) {
    this.#draw = draw;
    this.#onKey = onKey;
    this.#input = input;
    this.#output = output;
    this.#hasColours = hasColours;
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.on(signal, this.#end);
    }
    process.on('exit', this.#restore);
    if (output.isTTY) {
      output.write(ANSI.enter);
      output.on('resize', this.redraw);
    }
    if (input.isTTY) {
      input.setRawMode(true);
      input.on('data', this.#key).resume();
    }
    // Whoever read the lines has gone.
    output.on('error', this.#end);
  }

  /** Waits; `false`, and at once, if it was told to end. */
  async isOpenAfter(milliseconds) {
    if (this.#isOpen) {
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, milliseconds);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#isOpen;
  }

  /** Shows anew what is to be shown. */
  redraw = () => {
    if (!this.#isOpen) {
      return;
    }
    const lines = (size) => this.#draw(size).map((line) => (typeof line === 'string' ? { text: line } : line));
    if (!this.#output.isTTY) {
      const texts = lines(ENDLESS).map(({ text }) => text);
      this.#output.write(`${texts.join('\n')}\n\n`);
      return;
    }
    const size = { ...DEFAULT_SIZE, ...sizeOf(this.#output) };
    const shown = lines(size).slice(0, size.rows);
    const written = shown.map((line) => this.#styled(line, size.columns) + ANSI.endOfLine);
    this.#output.write(`${ANSI.home}${written.join('\r\n')}${ANSI.rest}`);
  };

  #styled({ text, style }, columns) {
    const cut = style === 'bar' ? text.slice(0, columns).padEnd(columns) : text.slice(0, columns);
    return style && this.#hasColours ? `${STYLES[style]}${cut}${PLAIN}` : cut;
  }

  /** Gives the terminal back as it was. */
  close() {
    this.#isOpen = false;
    this.#restore();
    process.off('exit', this.#restore);
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.off(signal, this.#end);
    }
    this.#output.off('resize', this.redraw);
    if (this.#input.isTTY) {
      this.#input.off('data', this.#key).pause();
    }
  }

  #end = () => {
    this.#isOpen = false;
    this.#wake();
  };

  #key = (data) => {
    const text = String(data);
    if (END_KEYS.some((key) => text.includes(key))) {
      this.#end();
      return;
    }
    for (const key of text.match(KEY) ?? []) {
      this.#onKey(NAMED_KEYS[key] ?? key);
    }
    this.redraw();
  };

  #restore = () => {
    if (this.#input.isTTY) {
      this.#input.setRawMode(false);
    }
    if (this.#output.isTTY) {
      this.#output.write(ANSI.leave);
    }
  };
}

/** The size that a terminal tells, if it does. */
function sizeOf({ columns, rows }) {
  return columns > 0 && rows > 0 ? { columns, rows } : {};
}

module.exports = { openScreen };
