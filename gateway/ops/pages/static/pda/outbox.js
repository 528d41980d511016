// What was scanned and has no receipt yet, on this device's own disk.
//
// A scan is named by (device, boot, seq). `boot` is the name of this outbox's life: it is made with
// the database, so a browser whose storage was erased begins a new one, and numbers never come
// twice. A scan is in the database before anybody is told that it was taken, and leaves it only
// when the gateway's `result` for it has come.

const SCANS = "scans";
const ABOUT = "about";

const done = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

const committed = (transaction) => new Promise((resolve, reject) => {
  transaction.oncomplete = () => resolve();
  transaction.onabort = () => reject(transaction.error);
});

/** 96 random bits; getRandomValues is there without TLS, too. */
function newBoot() {
  const bytes = crypto.getRandomValues(new Uint8Array(12));
  return Array.from(bytes, (it) => it.toString(16).padStart(2, "0")).join("");
}

export class Outbox {
  /** Opens the outbox of a device. Throws what IndexedDB throws where nothing can be kept. */
  static async open(warehouse, device) {
    const request = indexedDB.open(`forepost-pda/${warehouse}/${device}`, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore(SCANS, { keyPath: "seq" });
      request.result.createObjectStore(ABOUT);
    };
    const outbox = new Outbox(await done(request));
    await outbox.#load();
    // Asks the browser not to tidy this away when its disk is short.
    await navigator.storage?.persist?.();
    return outbox;
  }

  #database;
  #last = Promise.resolve();

  constructor(database) {
    this.#database = database;
    /** By seq, in order: what is on the disk. */
    this.held = new Map();
    this.boot = "";
    this.isNew = false;
  }

  async #load() {
    const transaction = this.#write();
    const about = transaction.objectStore(ABOUT);
    this.boot = await done(about.get("boot"));
    if (!this.boot) {
      this.boot = newBoot();
      this.isNew = true;
      about.put(this.boot, "boot");
      about.put(1, "next");
    }
    for (const scan of await done(transaction.objectStore(SCANS).getAll())) this.held.set(scan.seq, scan);
    await committed(transaction);
  }

  #write() {
    // Strict: it is on the disk, not in somebody's buffer, when the transaction is complete.
    return this.#database.transaction([SCANS, ABOUT], "readwrite", { durability: "strict" });
  }

  /** Keeps a message under the next number; gives it as it is kept. Calls are kept in order. */
  keep(body, time) {
    const kept = this.#last.then(async () => {
      const transaction = this.#write();
      const about = transaction.objectStore(ABOUT);
      const seq = await done(about.get("next"));
      const scan = { seq, message: { v: 1, boot: this.boot, seq, time, ...body } };
      about.put(seq + 1, "next");
      transaction.objectStore(SCANS).add(scan);
      await committed(transaction);
      this.held.set(seq, scan);
      return scan;
    });
    this.#last = kept.catch(() => {});
    return kept;
  }

  /** A receipt came: gives what it is for, undefined if that is not (or no longer) held. */
  settle(boot, seq) {
    const scan = boot === this.boot ? this.held.get(seq) : undefined;
    if (scan === undefined) return undefined;
    this.held.delete(seq);
    this.#write().objectStore(SCANS).delete(seq);
    return scan;
  }
}
