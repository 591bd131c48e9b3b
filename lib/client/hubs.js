'use strict';

// The places where a hub may be: those that the settings list, and each address that a name has.

const dns = require('node:dns');
const net = require('node:net');

/** How many places are tried in one round at most. */
const MAX_PLACES = 64;

/**
 * @typedef {{ host: string, port: number, address?: string, family?: number }} Place `address`: what the name stands
 *   for, where that is known.
 */

class Hubs {
  #listed;
  #lookup;
  #last;

  /**
   * @param {{ host?: string, port: number, hosts?: (string | { host?: string, port?: number })[] }} settings AceBase's
   *   `ipc`.
   * @param {typeof dns.promises.lookup} [lookup]
   */
  constructor({ host = 'localhost', port, hosts = [] }, lookup = dns.promises.lookup) {
    const listed = hosts.map((entry) => readHost(entry, port));
    this.#listed = listed.length > 0 ? listed : [{ host: host || 'localhost', port }];
    this.#lookup = lookup;
  }

  /** All places, in the order in which to try them: the one where the hub was last comes first. */
  async places() {
    const found = await Promise.all(this.#listed.map((listed) => this.#resolve(listed)));
    const places = found.flat().slice(0, MAX_PLACES);
    const last = places.findIndex((place) => isSame(place, this.#last));
    return last > 0 ? [...places.slice(last), ...places.slice(0, last)] : places;
  }

  /** The hub is here. */
  remember(place) {
    this.#last = place;
  }

  async #resolve(listed) {
    if (net.isIP(listed.host)) {
      return [listed];
    }
    try {
      const addresses = await this.#lookup(listed.host, { all: true });
      return addresses.map(({ address, family }) => ({ ...listed, address, family }));
    } catch {
      // The attempt to connect tells what is wrong with the name.
      return [listed];
    }
  }
}

/** `'name'`, `'name:9163'`, `'[::1]:9163'` or an object. */
function readHost(entry, port) {
  if (typeof entry === 'object' && entry !== null) {
    return { host: entry.host || 'localhost', port: entry.port ?? port };
  }
  const [, bracketed, name, ownPort] = /^(?:\[(.*)\]|([^:]*))(?::(\d+))?$/.exec(String(entry)) ?? [];
  return { host: bracketed ?? (name || String(entry)), port: ownPort ? Number(ownPort) : port };
}

function isSame(a, b) {
  return a.host === b?.host && a.port === b?.port && a.address === b?.address;
}

/** How a place is called in logs and events. */
function nameOf({ host, port, address }) {
  return `${inUrl(host)}:${port}${address && address !== host ? ` (${address})` : ''}`;
}

/** A host as it stands in a URL. */
function inUrl(host) {
  return net.isIPv6(host) ? `[${host}]` : host;
}

module.exports = { Hubs, inUrl, nameOf };
