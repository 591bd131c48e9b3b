'use strict';

// Where in the database the load writes, and how.

/** How many places each worker has for itself, and all have together. Few, so that each is written again and again. */
const OWN_PLACES = 30;
const SHARED_PLACES = 6;
const COUNTERS = 4;

/** Workers, by the names that they keep when they are started again. */
const WORKERS = ['worker1', 'worker2', 'worker3'];

const numbered = (prefix, count) =>
  Array.from({ length: count }, (_, n) => `${prefix}/place-${String(n).padStart(2, '0')}`);

/** Only this worker writes there. */
const ownPlaces = Object.fromEntries(WORKERS.map((name) => [name, numbered(`own/${name}`, OWN_PLACES)]));

/** All write there, and all are subscribed. Events of these fit in one frame, so they keep their order. */
const sharedSmall = numbered('shared/small', SHARED_PLACES);

/**
 * The same with values of all sizes. Published clients send what is larger than a frame with a request of its own that
 * they do not wait for, so events of these may overtake each other.
 */
const sharedLarge = numbered('shared/large', SHARED_PLACES);

/** Counted up by transactions of all workers: an update that is lost is a lock that was given twice. */
const counters = numbered('counters', COUNTERS);

const shared = [...sharedSmall, ...sharedLarge];

/** All places that hold values. */
const valuePlaces = [...Object.values(ownPlaces).flat(), ...shared];

/** What exists before the load: the upper levels of the tree. */
const UPPER_LEVELS = [...WORKERS.map((name) => `own/${name}`), 'shared/small', 'shared/large', 'counters'];

module.exports = { counters, ownPlaces, shared, sharedLarge, sharedSmall, UPPER_LEVELS, valuePlaces, WORKERS };
