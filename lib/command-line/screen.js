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

/** Keys that end it: q, and Ctrl-C, which is a key like others while keys are read one by one. */
const END_KEYS = ['q', 'Q', '\x03'];

/** Size of a terminal that does not tell. */
const DEFAULT_SIZE = { columns: 80, rows: 24 };

/** Opens the terminal, until a key or a signal closes it. */
function openScreen({ input = process.stdin, output = process.stdout } = {}) {
  return new Screen(input, output);
}

class Screen {
  #input;
  #output;
  #isOpen = true;
  #lines = [];
  /** Ends the waiting of the moment. */
  #wake = () => {};

  constructor(input, output) {
    this.#input = input;
    this.#output = output;
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.on(signal, this.#end);
    }
    process.on('exit', this.#restore);
    if (output.isTTY) {
      output.write(ANSI.enter);
      output.on('resize', this.#draw);
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

  /** Shows these lines instead of the former ones. */
  show(lines) {
    this.#lines = lines;
    if (this.#isOpen) {
      this.#draw();
    }
  }

  /** Gives the terminal back as it was. */
  close() {
    this.#isOpen = false;
    this.#restore();
    process.off('exit', this.#restore);
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.off(signal, this.#end);
    }
    this.#output.off('resize', this.#draw);
    if (this.#input.isTTY) {
      this.#input.off('data', this.#key).pause();
    }
  }

  #end = () => {
    this.#isOpen = false;
    this.#wake();
  };

  #key = (data) => {
    if (END_KEYS.some((key) => String(data).includes(key))) {
      this.#end();
    }
  };

  #draw = () => {
    if (!this.#output.isTTY) {
      this.#output.write(`${this.#lines.join('\n')}\n\n`);
      return;
    }
    const { columns, rows } = { ...DEFAULT_SIZE, ...sizeOf(this.#output) };
    const shown = this.#lines.slice(0, rows).map((line) => line.slice(0, columns) + ANSI.endOfLine);
    this.#output.write(`${ANSI.home}${shown.join('\r\n')}${ANSI.rest}`);
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
