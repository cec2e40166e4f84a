/* SPDX-License-Identifier: GPL-2.0-only */
"use strict";
// Draws the rows that are in view, filters and sorts them, and shows one cell. The order of COLUMNS is html.py's.
const COLUMNS = ["cell", "model", "kernel", "timing", "change", "verdict", "before", "seconds", "usual", "flaky", "since",
  "streak", "cause", "suspects", "quarantine", "slug", "headline", "command", "files", "original", "attempts", "worker",
  "verdicts"];
const HEIGHT = 44;
const MARGIN = 10;
const data = JSON.parse(document.getElementById("data").textContent);
const by = (id) => document.getElementById(id);
const cells = data.rows.map((values) => {
  const row = Object.fromEntries(COLUMNS.map((name, place) => [name, values[place]]));
  for (const name of ["model", "kernel", "timing", "since"]) row[name] = data[name][row[name]];
  for (const name of ["quarantine", "headline", "worker"]) row[name] = data.text[row[name]];
  row.causeText = row.cause < 0 ? "" : data.cause[row.cause].join(": ");
  row.text = [row.cell, row.model, row.kernel, row.headline, row.causeText].join(" ").toLowerCase();
  return row;
});
const state = { search: "", verdict: "", model: "", kernel: "", sort: "change", changes: new Set(), flags: new Set(), cause: -1 };
let shown = cells;

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function duration(seconds) {
  if (seconds < 99.95) return seconds.toFixed(1) + " s";
  const whole = Math.round(seconds);
  const two = (n) => String(n).padStart(2, "0");
  return whole < 3600 ? `${Math.floor(whole / 60)} min ${two(whole % 60)} s`
    : `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

// Bidirectional and other control characters of foreign text, as \x1b.
function visible(text) {
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2064\u2066-\u2069\ufeff]/g,
    (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

function wanted(row) {
  return (!state.changes.size || state.changes.has(row.change))
    && (!state.flags.has("flaky") || row.flaky)
    && (!state.flags.has("quarantine") || row.quarantine)
    && (!state.verdict || row.verdict === state.verdict)
    && (!state.model || row.model === state.model)
    && (!state.kernel || row.kernel === state.kernel)
    && (state.cause < 0 || row.cause === state.cause)
    && state.search.split(/\s+/).every((word) => row.text.includes(word));
}

const SORTS = {
  change: null, // as the page has them
  cell: (a, b) => (a.cell < b.cell ? -1 : a.cell > b.cell ? 1 : 0),
  seconds: (a, b) => b.seconds - a.seconds,
  flaky: (a, b) => (b.flaky ? b.flaky[0] / b.flaky[1] : -1) - (a.flaky ? a.flaky[0] / a.flaky[1] : -1),
};

function drawRow(row) {
  const id = element("span", { className: "id", title: visible(row.cell) }, visible(row.cell));
  if (row.flaky) id.append(element("b", { className: "mark" }, `flaky ${row.flaky[0]}/${row.flaky[1]}`));
  if (row.quarantine) id.append(element("b", { className: "mark" }, "quarantined"));
  if (row.attempts > 1) id.append(element("b", { className: "mark" }, `attempt ${row.attempts}`));
  if (row.headline) id.append(element("small", {}, visible(row.headline)));
  const made = element("button", { type: "button", className: "row" },
    element("span", {}, row.change),
    element("span", {}, element("span", { className: "badge v-" + row.verdict }, row.verdict)),
    id, element("span", { title: row.model }, visible(row.model)), element("span", { title: row.kernel }, visible(row.kernel)),
    element("span", { className: "num" }, row.verdict === "never" ? "–" : duration(row.seconds)));
  made.setAttribute("role", "listitem");
  made.addEventListener("click", () => open(row));
  return made;
}

function draw() {
  const list = by("list");
  const first = Math.max(0, Math.floor(list.scrollTop / HEIGHT) - MARGIN);
  const count = Math.ceil(list.clientHeight / HEIGHT) + 2 * MARGIN;
  by("rows").style.top = first * HEIGHT + "px";
  by("rows").replaceChildren(...shown.slice(first, first + count).map(drawRow));
}

function update() {
  shown = cells.filter(wanted);
  if (SORTS[state.sort]) shown.sort(SORTS[state.sort]);
  by("space").style.height = shown.length * HEIGHT + "px";
  by("shown").textContent = `${shown.length} of ${cells.length} cells`;
  for (const chip of document.querySelectorAll("[data-change]")) chip.setAttribute("aria-pressed", state.changes.has(chip.dataset.change));
  for (const chip of document.querySelectorAll("[data-flag]")) chip.setAttribute("aria-pressed", state.flags.has(chip.dataset.flag));
  for (const chip of document.querySelectorAll("[data-cause]")) chip.setAttribute("aria-pressed", Number(chip.dataset.cause) === state.cause);
  by("list").scrollTop = 0;
  draw();
}

function command(row) {
  if (row.command !== 0) return row.command;
  const quoted = (word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`); // as Python's shlex.quote()
  return `./nvh run ${quoted(row.cell)} --model ${quoted(row.model)} --kernel ${quoted(row.kernel)}`;
}

function open(row) {
  const facts = element("dl", {});
  const fact = (name, value) => { if (value) facts.append(element("dt", {}, name), element("dd", {}, visible(String(value)))); };
  fact("change", row.change);
  fact("verdict", row.verdict + (row.verdicts ? ` of ${row.verdicts}` : ""));
  fact("before", row.before);
  if (row.original !== row.verdict) fact("the cell's own", row.original || "none: its process published nothing");
  fact("runs on", [row.model, row.kernel, row.timing].join(", "));
  fact("took", row.verdict === "never" ? "" : duration(row.seconds) + (row.usual === null ? "" : `, usually ${duration(row.usual)}`));
  if (row.since) fact("red since", `${row.since} (${row.streak} run${row.streak === 1 ? "" : "s"})`);
  row.suspects.forEach((each) => fact("first bad", data.suspect[each]));
  if (row.flaky) fact("flaky", `${row.flaky[0]} of ${row.flaky[1]} red on equal artefacts; rate ${row.flaky[2]} to ${row.flaky[3]} (95 %)`);
  fact("cause", row.causeText);
  fact("quarantine", row.quarantine);
  if (row.attempts > 1) fact("attempts", row.attempts);
  fact("worker", row.worker);
  const panel = by("detail");
  const close = element("button", { type: "button", className: "close", title: "Close (Escape)" }, "✕");
  close.addEventListener("click", shut);
  panel.replaceChildren(close, element("h2", {}, visible(row.cell)));
  if (row.headline) panel.append(element("pre", {}, visible(row.headline)));
  panel.append(facts, element("h3", {}, "Reproduce"), element("pre", {}, visible(command(row))));
  if (row.slug && row.verdict !== "never") {
    const place = data.base + row.slug.split("/").map(encodeURIComponent).join("/") + "/";
    const files = [["result.json", "result", ""], ...(row.files < 0 ? [] : data.files[row.files])];
    panel.append(element("h3", {}, "Files"), element("ul", {}, ...files.map(([path, role, level]) => element("li", {},
      element("a", { href: place + path.split("/").map(encodeURIComponent).join("/") }, visible(path)), ` ${role} ${level}`))));
  }
  panel.hidden = false;
  close.focus();
}

function shut() {
  by("detail").hidden = true;
}

function toggle(set, value) {
  if (!set.delete(value)) set.add(value);
  update();
}

for (const name of ["model", "kernel"]) {
  for (const value of [...data[name]].sort()) by(name).append(element("option", { value }, visible(value)));
}
for (const value of data.verdicts) by("verdict").append(element("option", { value }, value));
for (const name of ["verdict", "model", "kernel", "sort"]) {
  by(name).addEventListener("change", () => { state[name] = by(name).value; update(); });
}
by("search").addEventListener("input", () => { state.search = by("search").value.trim().toLowerCase(); update(); });
by("filters").addEventListener("submit", (event) => event.preventDefault());
by("clear").addEventListener("click", () => {
  by("filters").reset();
  Object.assign(state, { search: "", verdict: "", model: "", kernel: "", sort: "change", cause: -1 });
  state.changes.clear();
  state.flags.clear();
  update();
});
for (const chip of document.querySelectorAll("[data-change]")) chip.addEventListener("click", () => toggle(state.changes, chip.dataset.change));
for (const chip of document.querySelectorAll("[data-flag]")) chip.addEventListener("click", () => toggle(state.flags, chip.dataset.flag));
for (const chip of document.querySelectorAll("[data-cause]")) {
  chip.addEventListener("click", () => { state.cause = state.cause === Number(chip.dataset.cause) ? -1 : Number(chip.dataset.cause); update(); });
}
by("list").addEventListener("scroll", draw, { passive: true });
addEventListener("resize", draw);
addEventListener("keydown", (event) => { if (event.key === "Escape") shut(); });
update();
