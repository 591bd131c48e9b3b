'use strict';

// What a process that has missed messages must read anew: its cache, the address of the root record, the table of keys;
// and a master that another one has stood in for, the table of free space. Knows the storage that keeps them, in the
// binary file of AceBase; other storages have a cache at most.

/** Where the file has the address of its root record, and how long it is, in bytes: all releases have it there. */
const ROOT_ADDRESS = 12;
const ROOT_ADDRESS_LENGTH = 6;

/** The reason that the published client gives as well. */
const REASON = 'ipc_ws_disconnect';

/**
 * @param {object} peer AceBase's.
 * @param {boolean} isOutOfDate Whether this process, if it is the master, was not the only one since it read its
 *   tables.
 */
async function catchUp(peer, isOutOfDate) {
  const { storage, isMaster } = peer;
  storage.invalidateCache?.(true, '', true, REASON);
  // A storage that is not open yet has not read anything.
  if (!storage.rootRecord || !storage.KIT || !storage._ready) {
    return;
  }
  if (isMaster && !isOutOfDate) {
    // What it has in mind is what counts.
    return;
  }
  await readRootAddress(peer);
  await readKeys(storage);
  if (isMaster) {
    await storage.FST?.load();
  }
}

/** Who is writing himself has the address, or is about to write it. */
async function readRootAddress(peer) {
  const { storage } = peer;
  const bytes = Buffer.alloc(ROOT_ADDRESS_LENGTH);
  const isWriting = () => peer._locks.some(({ lock }) => lock?.forWriting);
  if (isWriting()) {
    return;
  }
  const before = storage.rootRecord.address;
  await storage.readData(ROOT_ADDRESS, bytes);
  const after = storage.rootRecord.address;
  const wasTold = before.pageNr !== after.pageNr || before.recordNr !== after.recordNr;
  if (!isWriting() && !wasTold) {
    await storage.rootRecord.update({ path: '', pageNr: bytes.readUInt32BE(0), recordNr: bytes.readUInt16BE(4) }, true);
  }
}

/** Keys are only ever added. Those that were told of meanwhile may not be in the file yet. */
async function readKeys(storage) {
  const known = storage.KIT.keys;
  await storage.KIT.load();
  const { keys } = storage.KIT;
  for (const [index, key] of known.entries()) {
    keys[index] ??= key;
  }
}

module.exports = { catchUp };
