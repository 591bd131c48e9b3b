// What is known of the server: its last report, and what reports have said over time. Knows nothing of the page.

/** Points of a chart that are kept: one a second, five minutes, as the server does. */
const MAX_POINTS = 300;
/** Points of a peer's line: a minute. */
const MAX_PEER_POINTS = 60;
/** Events that are kept, as the server does. */
const MAX_EVENTS = 500;

export class Model {
  constructor() {
    this.#reset();
  }

  #reset() {
    /** The last report. */
    this.report = undefined;
    /** Milliseconds since the Unix epoch, of each point of the curves. */
    this.times = [];
    /** By database and figure: `curves.get('db').sent`. */
    this.curves = new Map();
    /** The newest first. */
    this.events = [];
    /** By database and peer: `{ received, sent, line }`, the first two in messages a second. */
    this.rates = new Map();
  }

  /** The time from which on the server has something new to tell. */
  get since() {
    return this.report?.server.now ?? 0;
  }

  take(report) {
    if (report.server.startedAt !== this.report?.server.startedAt) {
      this.#reset();
    }
    this.#measurePeers(report);
    this.#takeHistory(report.history);
    this.#takeEvents(report.events);
    this.report = report;
  }

  database(name) {
    return this.report?.databases.find((database) => database.name === name);
  }

  /** The newest point of a database's curve. */
  latest(name, figure) {
    return this.curves.get(name)?.[figure].at(-1) ?? null;
  }

  #takeHistory(history) {
    const before = this.times.length;
    this.times.push(...history.times);
    for (const [name, curve] of Object.entries(history.databases)) {
      if (!this.curves.has(name)) {
        const figures = Object.keys(curve).map((figure) => [figure, Array(before).fill(null)]);
        this.curves.set(name, Object.fromEntries(figures));
      }
    }
    const excess = Math.max(0, this.times.length - MAX_POINTS);
    this.times.splice(0, excess);
    for (const [name, curves] of this.curves) {
      const news = history.databases[name];
      for (const [figure, points] of Object.entries(curves)) {
        points.push(...(news?.[figure] ?? Array(history.times.length).fill(null)));
        points.splice(0, excess);
      }
      if (curves.peers.every((point) => point === null)) {
        this.curves.delete(name);
      }
    }
  }

  /** An event that came again keeps its number: it takes the place of the former one. */
  #takeEvents(news) {
    const fresh = new Set(news.map((event) => event.id));
    const rest = this.events.filter((event) => !fresh.has(event.id));
    this.events = [...news.reverse(), ...rest].slice(0, MAX_EVENTS);
  }

  #measurePeers(report) {
    const seconds = this.report ? (report.server.now - this.report.server.now) / 1000 : 0;
    const rates = new Map();
    for (const database of report.databases) {
      const former = new Map(this.database(database.name)?.peers.map((peer) => [peer.id, peer]));
      for (const peer of database.peers) {
        const key = peerKey(database, peer);
        const was = former.get(peer.id);
        const line = this.rates.get(key)?.line ?? Array(MAX_PEER_POINTS).fill(null);
        const isSame = was?.connectedAt === peer.connectedAt && seconds > 0;
        const grown = (way) => (isSame ? Math.max(0, peer[way].messages - was[way].messages) / seconds : null);
        const [received, sent] = [grown('received'), grown('sent')];
        const point = received === null ? null : received + sent;
        rates.set(key, { received, sent, line: [...line.slice(1), point] });
      }
    }
    this.rates = rates;
  }

  ratesOf(database, peer) {
    return this.rates.get(peerKey(database, peer));
  }
}

function peerKey(database, peer) {
  return `${database.name}\n${peer.id}`;
}
