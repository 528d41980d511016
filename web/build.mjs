// Copies what the pages need of others to where it is served, and notes versions and licences
// beside it. Run by `make assets`; the result is committed, so that users need no Node.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(fileURLToPath(import.meta.url));

/** Where to, and of which packages which files. */
const TARGETS = [
  {
    into: "../cloud_sync/dashboard/static/vendor",
    packages: {
      "htmx.org": ["dist/htmx.min.js"],
      uplot: ["dist/uPlot.iife.min.js", "dist/uPlot.min.css"],
    },
  },
  {
    into: "../gateway/ops/pages/static/pda/vendor",
    packages: { mqtt: ["dist/mqtt.esm.js"] },
  },
  { into: "../tests/browser/vendor", packages: { "axe-core": ["axe.min.js"] } },
];

for (const { into, packages } of TARGETS) {
  const target = join(web, into);
  rmSync(target, { recursive: true, force: true });
  mkdirSync(target, { recursive: true });
  const notes = ["What is in this directory, made by `make assets` from web/package-lock.json.", ""];
  for (const [name, files] of Object.entries(packages)) {
    const home = join(web, "node_modules", name);
    const about = JSON.parse(readFileSync(join(home, "package.json"), "utf8"));
    const terms = readdirSync(home).find((file) => file.startsWith("LICENSE"));
    const licence = readFileSync(join(home, terms), "utf8").trim();
    for (const file of files) cpSync(join(home, file), join(target, file.split("/").at(-1)));
    const names = files.map((file) => file.split("/").at(-1)).join(", ");
    notes.push(`${about.name} ${about.version} (${about.license}): ${names}`, "", licence, "", "");
  }
  writeFileSync(join(target, "NOTICE.txt"), notes.join("\n").trimEnd() + "\n");
}
