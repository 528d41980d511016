// The flows: what each asks for, in which order, and the message that comes of it.
//
// A job is what the worker does now: { type, id?, location?, from?, sscc?, condition?, reason?,
// quantity?, unit?, temperature?, pending?, stops? }. `step` says what the next scan is taken for;
// `taskOf` makes the `task` of the message (docs/flows.md).

/** places: how a place comes into it. commands: buttons that need no scan. */
export const FLOWS = {
  receive: { icon: "↓", documents: ["receive"], free: "pda_blind", places: "may", asks: ["quantity", "condition", "temperature"], commands: ["close"] },
  putaway: { icon: "▤", places: "after", asks: ["quantity", "condition"], commands: [] },
  pick: { icon: "✓", documents: ["pick"], free: "pda_no_order", places: "may", asks: ["quantity"], commands: ["short"] },
  pack: { icon: "□", documents: ["pick", "ship"], free: "pda_no_order", needs: ["sscc"], asks: ["quantity"], commands: [] },
  ship: { icon: "→", documents: ["ship", "pick"], free: "pda_no_order", places: "may", asks: ["quantity"], commands: [] },
  move: { icon: "⇄", needs: ["from"], places: "after", asks: ["quantity"], commands: [] },
  count: { icon: "#", documents: ["count"], free: "pda_ad_hoc", places: "must", asks: ["quantity"], commands: ["close", "approve"] },
  waste: { icon: "✕", places: "must", asks: ["quantity", "reason"], commands: [] },
  return: { icon: "↩", free: "pda_no_order", documents: ["pick", "ship"], places: "may", asks: ["quantity", "condition"], commands: [] },
  inspect: { icon: "◉", places: "must", asks: ["quantity", "verdict"], commands: [] },
  lookup: { icon: "?", places: "no", asks: [], commands: [] },
};

/** What the next scan is taken for: document, from, sscc, place, goods, to or any. */
export function step(job) {
  const flow = FLOWS[job.type];
  if (job.type === "lookup") return "any";
  for (const need of flow.needs ?? []) if (!job[need]) return need;
  if (flow.places === "must" && !job.location) return "place";
  if (flow.places === "after" && job.pending) return "to";
  return "goods";
}

export const PROMPTS = {
  from: "pda_scan_from", sscc: "pda_scan_box", place: "pda_scan_place", to: "pda_scan_to",
  goods: "pda_scan_goods", any: "pda_scan_any", badge: "pda_scan_badge",
};

/** The task of the message for a scan, or for a command of this job. */
export function taskOf(job, worker, command = null) {
  const task = { type: command ?? job.type, worker: worker || undefined };
  if (job.type === "inspect" && !command) {
    if (job.verdict === "hold" || job.verdict === "release") task.type = job.verdict;
    else task.condition = job.verdict;
  }
  task.id = job.type === "move" ? job.from : job.id;
  task.location = job.location;
  task.sscc = job.sscc;
  if (!command || command === "short") {
    task.quantity = job.quantity;
    if (job.quantity !== undefined && job.unit === "g") task.unit = "g";
    task.condition ??= job.condition;
    task.temperature_c = job.temperature;
  }
  task.reason = job.reason;
  return Object.fromEntries(Object.entries(task).filter(([, it]) => it !== undefined && it !== null && it !== ""));
}

/** The job as it is after a scan was sent: what holds for one scan only is gone. */
export function afterScan(job) {
  const { quantity, unit, pending, temperature, ...lasting } = job;
  if (FLOWS[job.type].places === "after") delete lasting.location;
  return lasting;
}
