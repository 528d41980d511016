// The PDA page: what happens when something is scanned, pressed, answered or lost. How it looks is
// in view.js; what a scan means in which task is in flows.js.
import { FLOWS, afterScan, step, taskOf } from "./flows.js";
import { labelIn, plain, ssccIn } from "./labels.js";
import { Link } from "./link.js";
import { Outbox } from "./outbox.js";
import { signal } from "./signal.js";
import { draw } from "./view.js";
import { listenForScans } from "./wedge.js";
import { loadWords, preferred, t } from "./words.js";

const SHOWN_MAX = 30;
const SETTINGS = "forepost-pda";
const TASKS = "forepost-pda-tasks";
const NAMES = "forepost-pda-names";
const NAMES_AT_ONCE = 20;

const kept = (name, otherwise) => {
  try {
    return JSON.parse(localStorage.getItem(name)) ?? otherwise;
  } catch {
    return otherwise;
  }
};

/** All that the page shows. scans: the last ones, the newest first: { seq, what, status, result }. */
const state = {
  config: {},
  settings: { device: "", password: "", worker: "", broker: "", sound: true, ...kept(SETTINGS, {}) },
  link: "connecting",
  outbox: null,
  tasks: kept(TASKS, []),
  names: kept(NAMES, {}),
  job: null,
  scans: [],
  current: null,
  quiet: new Map(),
  badge: null,
  ask: null,
  screen: "setup",
  note: null,
};
let link = null;

const save = () => localStorage.setItem(SETTINGS, JSON.stringify(state.settings));
const show = () => draw(state, actions);

function note(key, values) {
  state.note = key ? t(key, values) : null;
}

// ------------------------------------------------------------ sending

/** Keeps a message, then sends it; what it is about is shown at once. */
async function send(body, what, job = null) {
  const entry = { what, status: "waiting", job, body };
  state.current = entry;
  try {
    const scan = await state.outbox.keep(body, new Date().toISOString());
    entry.seq = scan.seq;
  } catch (error) {
    entry.status = "refused";
    entry.result = { message: `${t("pda_no_storage")} (${error.name})` };
    signal("refused", state.settings.sound);
    show();
    return;
  }
  state.scans = [entry, ...state.scans].slice(0, SHOWN_MAX);
  if (state.link !== "online") {
    entry.status = "kept";
    signal("kept", state.settings.sound);
  }
  link?.send();
  show();
}

function hear(result) {
  const scan = state.outbox.settle(result.boot, result.seq);
  const entry = state.scans.find((it) => it.seq === result.seq && result.boot === state.outbox.boot)
    ?? state.quiet.get(result.seq) ?? { seq: result.seq, what: "", body: scan?.message ?? {} };
  state.quiet.delete(result.seq);
  if (scan === undefined && result.seq !== undefined) return undefined; // told already
  entry.status = result.status;
  entry.result = result;
  if (result.item) name(result.item);
  if (entry.isQuiet) return show();
  if (isPlaceForGoods(entry, result)) {
    state.job.location = result.label.id;
    entry.status = "accepted";
  }
  const isNews = entry.status === "refused" || entry.status === "flagged";
  if (isNews || entry === state.current || state.current === null) state.current = entry;
  if (state.job !== null && (entry.job === state.job.type || entry.body.task?.id === state.job.id)) learn(result);
  if (result.exceptions) state.exceptions = result.exceptions;
  signal(entry.status, state.settings.sound);
  return show();
}

/** Lists name items by number only: those that nobody has named yet are looked up, once. */
function askNames(stops) {
  const unknown = new Set(stops.map((it) => it.item).filter((it) => it && !(it in state.names)));
  for (const item of [...unknown].slice(0, state.link === "online" ? NAMES_AT_ONCE : 0)) {
    const task = { type: "lookup", worker: state.settings.worker || undefined };
    state.outbox.keep({ data: `]C101${item}`, symbology: "GS1_128", task }, new Date().toISOString()).then((scan) => {
      state.quiet.set(scan.seq, { seq: scan.seq, isQuiet: true });
      link?.send();
    }, () => {});
  }
}

function name({ gtin, name: called }) {
  if (state.names[gtin] === called) return;
  state.names[gtin] = called;
  localStorage.setItem(NAMES, JSON.stringify(state.names));
}

/** A bin was scanned where goods were expected: that says where the worker stands now. */
function isPlaceForGoods(entry, result) {
  return result.message_key === "label_not_goods" && result.label?.kind === "location"
    && state.job !== null && entry === state.current && FLOWS[state.job.type].places !== "no";
}

function learn(result) {
  if (result.stops) {
    state.job.stops = result.stops;
    askNames(result.stops);
  }
  if (result.task?.next) state.job.next = result.task.next;
  else if (result.stops) state.job.next = result.stops[0];
  else if (result.task && result.task.left === 0) state.job.next = undefined;
  if (state.job.type === "pick" && state.job.next) state.job.location = state.job.next.location;
}

// ------------------------------------------------------------ scanning

function scanned(text) {
  if (state.outbox === null || state.screen === "setup") return undefined;
  if (state.badge !== null) return overrule(plain(text));
  if (state.job === null) {
    const label = labelIn(text, state.config.labels ?? {}, places());
    if (label?.kind === "worker") return become(label.id);
    const task = state.tasks.find((it) => it.id && it.id === plain(text));
    return task ? actions.open(task.type, task) : lookUp(text);
  }
  return take(text);
}

function lookUp(text) {
  return send({ data: text, task: { type: "lookup", worker: state.settings.worker || undefined } }, plain(text));
}

function become(worker) {
  state.settings.worker = worker;
  save();
  show();
}

/** A scan within a job: a place, a box or a document says where; goods say what. */
function take(text) {
  const { job } = state;
  const flow = FLOWS[job.type];
  const wanted = step(job);
  const label = labelIn(text, state.config.labels ?? {}, places());
  if (wanted === "any") return send({ data: text, task: taskOf(job, state.settings.worker) }, plain(text), job.type);
  if (wanted === "from" || wanted === "place") return put(wanted === "from" ? "from" : "location", plain(text));
  if (wanted === "to") return complete(plain(text));
  if (wanted === "sscc") {
    const sscc = ssccIn(text);
    if (sscc === null) {
      note("pda_scan_box");
      signal("refused", state.settings.sound);
      return show();
    }
    return put("sscc", sscc);
  }
  if (label?.kind === "worker") return become(label.id);
  if (label?.kind === "location" && flow.places && flow.places !== "after") return put("location", label.id);
  if (label?.kind === "document" && flow.documents) return put("id", label.id);
  if (job.type === "pack" && ssccIn(text) !== null) return put("sscc", ssccIn(text));
  if (flow.places === "after") {
    job.pending = text;
    signal("kept", state.settings.sound);
    return show();
  }
  return goods(text);
}

function put(key, value) {
  state.job[key] = value;
  note(null);
  signal("kept", state.settings.sound);
  show();
}

function complete(place) {
  state.job.location = place;
  return goods(state.job.pending);
}

function goods(data) {
  const { job } = state;
  note(null);
  const body = { data, task: taskOf(job, state.settings.worker) };
  state.job = afterScan(job);
  return send(body, plain(data), job.type);
}

/** The last scan once more, with the badge of whoever answers for it. */
function overrule(badge) {
  const { body, what, job } = state.badge;
  state.badge = null;
  return send({ ...body, task: { ...body.task, supervisor: badge } }, what, job);
}

/** The places that are known from the lists of what is to be done. */
function places() {
  const found = new Set(["DOCK", "PACK"]);
  for (const task of state.tasks) {
    for (const stop of task.stops ?? []) found.add(stop.location);
  }
  for (const stop of state.job?.stops ?? []) found.add(stop.location);
  return found;
}

// ------------------------------------------------------------ pressing

const actions = {
  scanned,
  open(type, task = {}) {
    state.job = { type, id: task.id, stops: task.stops, task };
    state.screen = type === "exceptions" ? "exceptions" : "job";
    state.current = null;
    state.ask = null;
    note(null);
    if (type === "pick" && task.id) actions.command("start");
    else if (type === "count" && task.id) actions.command("start");
    else if (type === "exceptions") actions.listExceptions();
    show();
  },
  home() {
    state.job = null;
    state.screen = "home";
    state.current = null;
    state.badge = null;
    state.ask = null;
    show();
  },
  command(command) {
    const { job } = state;
    return send({ task: taskOf(job, state.settings.worker, command) }, t(`pda_${command}`), job.type);
  },
  /** "Not there" names the goods of the stop: the worker cannot scan what is not there. */
  short(stop, reason) {
    const task = { ...taskOf({ ...state.job, location: stop.location, reason, quantity: undefined }, state.settings.worker, "short") };
    const data = `(01)${stop.item}${stop.lot ? `(10)${stop.lot}` : ""}`.replaceAll(/[()]/g, "");
    return send({ data: `]C1${data}`, symbology: "GS1_128", task }, t("pda_short"), state.job.type);
  },
  undo() {
    return send({ task: { type: "undo", worker: state.settings.worker || undefined } }, t("pda_undo"), state.job?.type);
  },
  put,
  forget(key) {
    delete state.job[key];
    show();
  },
  weigh() {
    state.job.unit = state.job.unit === "g" ? undefined : "g";
  },
  ask(what) {
    state.ask = what;
    show();
  },
  supervise(entry) {
    state.badge = entry;
    show();
  },
  listExceptions() {
    return send({ task: { type: "exceptions", worker: state.settings.worker || undefined } }, t("pda_exceptions"), "exceptions");
  },
  resolve(exception, action, reason, quantity) {
    const task = { type: "resolve", id: exception.id, action, reason, quantity, worker: state.settings.worker || undefined };
    return send({ task: Object.fromEntries(Object.entries(task).filter(([, it]) => it !== undefined)) },
      exception.text, "exceptions").then(actions.listExceptions);
  },
  async speak(wanted) {
    await loadWords(wanted, "./");
    state.settings.language = wanted;
    save();
    show();
  },
  setting(key, value) {
    state.settings[key] = value;
    save();
    show();
  },
  setUp() {
    state.screen = "setup";
    show();
  },
  async connect(given) {
    Object.assign(state.settings, given);
    save();
    await connect();
  },
};

// ------------------------------------------------------------ beginning

/** Takes up work as the device of the settings; one tab of a browser is one device. */
async function connect() {
  const { device, password, broker } = state.settings;
  await link?.close();
  link = null;
  state.link = "connecting";
  try {
    state.outbox = await Outbox.open(state.config.warehouse, device);
  } catch {
    note("pda_no_storage");
    state.screen = "setup";
    return show();
  }
  note(state.outbox.isNew && state.settings.began === device ? "pda_new_epoch" : null);
  state.settings.began = device;
  save();
  state.screen = "home";
  link = new Link({
    url: broker || brokerHere(),
    warehouse: state.config.warehouse,
    device,
    password,
    outbox: state.outbox,
    on: {
      state(word) {
        state.link = word;
        show();
      },
      result: hear,
      tasks(tasks) {
        state.tasks = tasks;
        localStorage.setItem(TASKS, JSON.stringify(tasks));
        show();
      },
    },
  });
  return show();
}

function brokerHere() {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  return `${scheme}://${location.hostname}:${state.config.websocket_port}`;
}

async function alone(work) {
  if (!navigator.locks) return work();
  return navigator.locks.request(SETTINGS, { ifAvailable: true }, async (lock) => {
    if (lock === null) {
      state.screen = "other";
      return show();
    }
    await work();
    return new Promise(() => {}); // held while the page lives
  });
}

async function begin() {
  state.config = await (await fetch("config.json")).json();
  await loadWords(state.settings.language ?? preferred(state.config.language), "./");
  listenForScans(scanned);
  navigator.serviceWorker?.register("sw.js").catch(() => {}); // without TLS there is none
  await alone(async () => {
    if (state.settings.device) await connect();
    else show();
  });
}

await begin();
