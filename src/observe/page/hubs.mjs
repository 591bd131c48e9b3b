// The hubs of a cluster on the page: who they are, which databases each has, and whether the engine answers.

import { element, list, row, setText, show } from './dom.mjs';
import words from './words.mjs';

/** Databases that are named of each hub: `status.json` has all. */
const MAX_NAMED = 20;

/** @param {Element} section @param {object} [cluster] Of a report; absent where this is the only hub. */
export function showHubs(section, cluster) {
  show(section, cluster !== undefined);
  if (!cluster) {
    return;
  }
  const { engine, hubs, relayed, waiting, databases } = cluster;
  setText(section.querySelector('.count'), words.whole(hubs.length));
  const clients = `${words.counted(relayed, 'client')} relayed, ${words.whole(waiting)} waiting for an owner`;
  setText(section.querySelector('.engine'), `Engine ${words.engine(engine)} · ${clients}`);
  const table = section.querySelector('table');
  list(table.tBodies[0], hubs, {
    key: ({ name }) => name,
    make: () => row(table, ['name', 'place', '']),
    update: (made, hub) => fillHub(made, hub, cluster),
  });
  const homeless = databases.filter(({ owner }) => owner === null);
  list(section.querySelector('ul'), homeless.slice(0, MAX_NAMED), {
    key: ({ db }) => db,
    make: () => element('li'),
    update: (made, { db, state }) => setText(made, `${db}: ${words.nobody(state)}`),
  });
}

function fillHub({ cells }, { name, address }, cluster) {
  setText(cells[0], name === cluster.name ? `${name} (this one)` : name);
  setText(cells[1], address);
  setText(cells[2], namesOf(cluster.databases.filter(({ owner }) => owner === name)));
}

function namesOf(databases) {
  const names = databases.slice(0, MAX_NAMED).map(({ db }) => db);
  const more = databases.length - names.length;
  return [...names, ...(more > 0 ? [`and ${words.whole(more)} more`] : [])].join(', ') || '–';
}
