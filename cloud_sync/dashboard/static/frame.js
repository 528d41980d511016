// What works on every page: choices, keys, the filter and order of tables, the live stream.
import "./choices.js";
import "./keys.js";
import "./tables.js";
import "./live.js";
