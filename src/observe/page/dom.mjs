// Changes the document no more than needed, so that focus, selection and scrolling stay where the reader has put them.
// Whatever a text is made of, it is shown as `printable` has it.

import printables from './printable.mjs';

const { printable } = printables;

/** An element with a class, a text and children, as far as given. */
export function element(name, { className, text, children = [] } = {}) {
  const made = document.createElement(name);
  if (className) {
    made.className = className;
  }
  if (text !== undefined) {
    made.textContent = printable(text);
  }
  made.append(...children);
  return made;
}

export function setText(target, text) {
  const shown = printable(text);
  if (target.textContent !== shown) {
    target.textContent = shown;
  }
}

export function setClass(target, className) {
  if (target.className !== className) {
    target.className = className;
  }
}

export function show(target, isShown) {
  if (target.hidden === isShown) {
    target.hidden = !isShown;
  }
}

/**
 * Makes the children of `parent` stand for `items`, in their order. Children of items that stay are kept.
 * @param {Element} parent
 * @param {any[]} items
 * @param {{ key: (item: any) => string, make: (item: any) => Element, update: (child: Element, item: any) => void }}
 *   how
 */
export function list(parent, items, { key, make, update }) {
  const kept = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const child = kept.get(key(item)) ?? make(item);
    child.dataset.key = key(item);
    kept.delete(key(item));
    if (child === place) {
      place = place.nextElementSibling;
    } else {
      parent.insertBefore(child, place);
    }
    update(child, item);
  }
  for (const child of kept.values()) {
    child.remove();
  }
}

/**
 * Says in so many words what the parts of a table are: where the style shows rows as cards, browsers would no longer
 * take it for a table.
 */
export function nameParts(table) {
  table.setAttribute('role', 'table');
  for (const group of [table.tHead, ...table.tBodies]) {
    group.setAttribute('role', 'rowgroup');
  }
  for (const heading of table.tHead.rows[0].cells) {
    heading.setAttribute('role', 'columnheader');
  }
  table.tHead.rows[0].setAttribute('role', 'row');
}

/** A row of a table: a heading cell and others. Where a row is shown as a card, each cell names its column. */
export function row(table, columns) {
  const headings = [...table.tHead.rows[0].cells];
  const cells = columns.map((className, index) => {
    const cell = element(index === 0 ? 'th' : 'td', { className });
    cell.setAttribute('role', index === 0 ? 'rowheader' : 'cell');
    if (index === 0) {
      cell.scope = 'row';
    } else {
      cell.dataset.column = headings[index].textContent;
    }
    return cell;
  });
  const made = element('tr', { children: cells });
  made.setAttribute('role', 'row');
  return made;
}
