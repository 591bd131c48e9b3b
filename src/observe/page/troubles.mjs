// What keeps a database, or a client, from its work: the first thing on the page. What counts as trouble, and how it is
// said, is the server's.

import { element, list, setClass, setText, show } from './dom.mjs';

/** @param {Element} section @param {object[]} troubles The worst first. */
export function showTroubles(section, troubles) {
  show(section, troubles.length > 0);
  list(section.querySelector('ul'), troubles, {
    key: ({ kind, dbname, client }) => `${kind} ${dbname} ${client?.id} ${client?.remote}`,
    make: () => element('li', { children: [element('a'), element('strong'), element('p')] }),
    update: fillTrouble,
  });
}

function fillTrouble(made, { level, dbname, text, advice }) {
  const [link, what, next] = made.children;
  setClass(made, level);
  setText(link, dbname ?? '');
  show(link, dbname !== null);
  link.setAttribute('href', `#db=${encodeURIComponent(dbname ?? '')}`);
  setText(what, text);
  setText(next, advice);
}
