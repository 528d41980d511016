// The connection to the warehouse's broker: MQTT 5 over WebSocket.
//
//   up    forepost/v1/{warehouse}/{device}/scan     every message of the outbox, QoS 1
//         forepost/v1/{warehouse}/{device}/status   retained; "offline" as last will
//   down  …/{device}/result  …/{device}/task  …/all/task
//
// A PUBACK proves nothing. What has no `result` is sent again: all of it, in order, after each
// connection; while connected whatever has waited too long, ever more seldom.
import mqtt from "./vendor/mqtt.esm.js";

const RESEND_MS = 4000;
const RESEND_MS_MAX = 60000;
const RECONNECT_MS = [500, 8000];
const LOOK_MS = 500;
const REFUSED = new Set([4, 5, 134, 135]); // bad user name or password, not authorised

export class Link {
  #client;
  #sent = new Map(); // seq → { at, wait } in this connection
  #root;
  #timer;
  #failures = 0;

  /** on: { state(word), result(object), tasks(list) } */
  constructor({ url, warehouse, device, password, outbox, on }) {
    this.outbox = outbox;
    this.on = on;
    this.#root = `forepost/v1/${warehouse}`;
    this.device = device;
    const status = (word) => JSON.stringify({ v: 1, status: word });
    this.#client = mqtt.connect(url, {
      protocolVersion: 5,
      clientId: device,
      username: device,
      password,
      clean: true,
      keepalive: 20,
      connectTimeout: 8000,
      reconnectPeriod: RECONNECT_MS[0],
      reconnectOnConnackError: true,
      resubscribe: false,
      // Its other timers are made from a blob, which our policy forbids.
      timerVariant: "native",
      will: { topic: this.#topic("status"), payload: status("offline"), qos: 1, retain: true },
    });
    this.#client.on("connect", () => this.#begin(status("online")));
    this.#client.on("close", () => this.#lose());
    this.#client.on("error", (error) => this.on.state(REFUSED.has(error.code) ? "refused" : "offline"));
    this.#client.on("message", (topic, payload) => this.#hear(topic, payload));
    this.#timer = setInterval(() => this.#pump(), LOOK_MS);
    for (const hint of ["online", "focus"]) window.addEventListener(hint, this.#hurry);
  }

  #topic = (channel, device = this.device) => `${this.#root}/${device}/${channel}`;

  async #begin(status) {
    this.#failures = 0;
    this.#sent.clear();
    try {
      await this.#client.subscribeAsync(
        [this.#topic("result"), this.#topic("task"), this.#topic("task", "all")], { qos: 1 });
      await this.#client.publishAsync(this.#topic("status"), status, { qos: 1, retain: true });
    } catch {
      return; // lost again: the next connection begins anew
    }
    this.on.state("online");
    this.#pump();
  }

  #lose() {
    this.#sent.clear();
    this.on.state("offline");
    // Many devices lose a broker at once: they shall not all come back at once.
    this.#failures += 1;
    const most = Math.min(RECONNECT_MS[1], RECONNECT_MS[0] * 2 ** this.#failures);
    this.#client.options.reconnectPeriod = RECONNECT_MS[0] + Math.random() * most;
  }

  #hurry = () => {
    if (!this.#client.connected && this.#client.reconnecting) this.#client.reconnect();
  };

  /** Sends what is new, and what has waited for its result for too long; in order. */
  #pump() {
    if (!this.#client.connected) return;
    const now = performance.now();
    for (const [seq, scan] of this.outbox.held) {
      const before = this.#sent.get(seq);
      if (before !== undefined && now - before.at < before.wait) continue;
      const wait = Math.min(RESEND_MS_MAX, (before?.wait ?? RESEND_MS / 2) * 2);
      this.#sent.set(seq, { at: now, wait });
      this.#client.publish(this.#topic("scan"), JSON.stringify(scan.message), { qos: 1 });
    }
  }

  /** Something new is in the outbox. */
  send() {
    this.#pump();
  }

  #hear(topic, payload) {
    let said;
    try {
      said = JSON.parse(new TextDecoder().decode(payload));
    } catch {
      return;
    }
    if (topic === this.#topic("result")) this.on.result(said);
    else if (Array.isArray(said.tasks)) this.on.tasks(said.tasks);
  }

  async close() {
    clearInterval(this.#timer);
    for (const hint of ["online", "focus"]) window.removeEventListener(hint, this.#hurry);
    await this.#client.endAsync();
  }
}
