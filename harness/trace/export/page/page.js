/* SPDX-License-Identifier: GPL-2.0-only */
// What the reader does: zoom, filter, select. The address's # part holds the view, so that it can be linked to:
// #event=N&from=NS&to=NS&q=WORDS&even=1
const $ = (id) => document.getElementById(id);
const ROWS = 200; // rows of the table around the selected event

function make(tag, text, attributes) {
  const element = document.createElement(tag);
  if (text !== undefined) element.textContent = text;
  for (const [key, value] of Object.entries(attributes || {})) element.setAttribute(key, value);
  return element;
}

function say() {
  const parts = [`${drawn.inView.toLocaleString("en")} of ${order.length.toLocaleString("en")} events shown are in view.`];
  if (drawn.barRows) parts.push(`${drawn.barRows} tracks show counts per column: zoom in to see each event.`);
  const said = $("said");
  said.replaceChildren(document.createTextNode(parts.join(" ")));
  if (DATA.thinned.length) {
    const details = make("details");
    details.append(make("summary", `This page holds ${COUNT.toLocaleString("en")} of the timeline's ${DATA.total.toLocaleString("en")} events.`));
    for (const [name, here, there] of DATA.thinned) details.append(make("div", `${name}: ${here} of ${there}, evenly spaced`));
    said.append(" ", details);
  }
  for (const [begin, , source, count, reason] of DATA.losses)
    said.append(make("div", `${source} lost ${count ?? ""} events at ${seconds(begin)}: ${reason}`, { class: "note" }));
  for (const [source, text] of DATA.doubts.slice(0, 5)) said.append(make("div", `${source}: ${text}`, { class: "note" }));
  for (const [name, why] of Object.entries(DATA.missing)) said.append(make("div", `${name} was not had: ${why}`, { class: "note" }));
  $("range").textContent = state.even ? `#${Math.round(state.from)} to #${Math.round(state.to)}`
    : `${seconds(state.from)} to ${seconds(state.to)} s`;
  Object.assign(document.body.dataset, {
    ready: "1", total: DATA.total, events: COUNT, shown: order.length, view: drawn.inView, single: drawn.single,
    bars: drawn.barRows, tracks: DATA.tracks.length, selected: state.selected, triggers: TRIGGERS.size,
    marks: drawn.marks.filter((mark) => mark.from >= LABEL && mark.to <= canvas.clientWidth).map((mark) => mark.name).join(" "),
  });
}

function refresh() {
  draw();
  say();
}

function show(from, to) {
  const least = state.even ? 4 : 20;
  const middle = (from + to) / 2, half = Math.max(to - from, least) / 2;
  state.from = middle - half; state.to = middle + half;
  refresh();
}

function zoom(factor, where) {
  const at = where ?? (state.selected >= 0 && inView(state.selected) ? place[state.selected] : (state.from + state.to) / 2);
  show(at - (at - state.from) * factor, at + (state.to - at) * factor);
}

const inView = (index) => place[index] >= state.from && place[index] <= state.to;

function select(index, move = true) {
  state.selected = index;
  if (index >= 0 && move && !inView(index)) {
    const half = (state.to - state.from) / 2;
    show(place[index] - half, place[index] + half);
  }
  details(); table(); refresh(); remember();
}

// Show an assertion's event with what belongs to it: its span, else its neighbours.
function focus(each) {
  const span = each.event >= 0 ? SPAN_OF[each.event] : -1;
  const all = [each.event, ...(span >= 0 ? DATA.spans[span][3] : each.context)].filter((index) => index >= 0);
  if (!all.length) return;
  const places = all.map((index) => place[index]);
  const [from, to] = [Math.min(...places), Math.max(...places)];
  const margin = Math.max((to - from) * 0.25, state.even ? 3 : 2000);
  state.from = from - margin; state.to = to + margin;
  select(each.event >= 0 ? each.event : all[0], false);
}

function details() {
  const aside = $("details");
  aside.replaceChildren();
  if (state.selected < 0) {
    aside.append(make("h2", "No event selected"), make("p", "Press an event, a row of the table, or an assertion above. Wheel and drag zoom and move; arrow keys step from event to event."));
    return;
  }
  const row = EVENTS[state.selected], track = DATA.tracks[row[TRACK]];
  aside.append(make("h2", TEXTS[row[NAME]]));
  const trigger = TRIGGERS.get(state.selected);
  if (trigger) aside.append(make("p", `decided ${trigger.verdict}: ${trigger.name}`));
  const list = make("dl");
  const facts = [["time", `${seconds(row[TIME])} s`], ["seen on", track.name], ["task", TEXTS[row[TASK]]], ["position", row[SEQ]]];
  for (const [key, value] of [...facts.filter((fact) => fact[1] !== ""), ...fieldsOf(state.selected)])
    list.append(make("dt", key), make("dd", value));
  aside.append(list);
  const number = SPAN_OF[state.selected];
  if (number < 0) return;
  const [id, op, kind, inside, open] = DATA.spans[number];
  aside.append(make("h2", `Span ${id}: ${kind} ${op}`));
  if (open) aside.append(make("p", `its end was not seen: ${open}`));
  const steps = make("ol");
  for (const index of inside.slice(0, 300)) {
    const item = make("li"), button = make("button", `${DATA.tracks[EVENTS[index][TRACK]].name}: ${TEXTS[EVENTS[index][NAME]]} ${textOf(index).slice(0, 90)}`);
    button.onclick = () => select(index);
    item.append(button); steps.append(item);
  }
  aside.append(steps);
}

function table() {
  const body = $("table").tBodies[0];
  body.replaceChildren();
  let middle = state.selected >= 0 ? lowerOrder(state.selected) : lower(order, state.from);
  const from = Math.max(0, middle - ROWS / 2), to = Math.min(order.length, middle + ROWS / 2);
  let before = null, chosen = null;
  for (let at = from; at < to; at++) {
    const index = order[at], row = EVENTS[index], line = make("tr");
    const gap = before === null ? "" : ((row[TIME] - before) / 1000).toFixed(3);
    before = row[TIME];
    line.append(make("td", seconds(row[TIME])), make("td", gap, { class: "number" }), make("td", DATA.tracks[row[TRACK]].name),
      make("td", TEXTS[row[TASK]]), make("td", TEXTS[row[NAME]]), make("td", textOf(index), { class: "fields" }));
    if (index === state.selected) { line.classList.add("selected"); chosen = line; }
    if (TRIGGERS.has(index)) line.classList.add("trigger"); else if (CONTEXT.has(index)) line.classList.add("context");
    if (state.selected >= 0 && SPAN_OF[index] >= 0 && SPAN_OF[index] === SPAN_OF[state.selected]) line.classList.add("same-span");
    line.onclick = () => select(index);
    body.append(line);
  }
  if (chosen) $("scroll").scrollTop = chosen.offsetTop - $("scroll").clientHeight / 2;
}

// Position among the shown events of the first that is not before `index`.
function lowerOrder(index) {
  let low = 0, high = order.length;
  while (low < high) { const middle = (low + high) >> 1; if (order[middle] < index) low = middle + 1; else high = middle; }
  return low;
}

function move(by) {
  if (!order.length) return;
  let at = state.selected >= 0 ? lowerOrder(state.selected) : lower(order, state.from);
  if (state.selected >= 0 && (by < 0 || order[at] === state.selected)) at += by;
  select(order[Math.max(0, Math.min(order.length - 1, at))]);
}

// Keep the extent by the events at its ends when positions change their meaning.
function respace(even) {
  const ends = [state.from, state.to].map((where) => order[Math.min(order.length - 1, Math.max(0, lower(order, where)))]);
  state.even = even; $("even").checked = even;
  refilter();
  if (order.length) show(place[ends[0]] - 1, place[ends[1]] + 1); else refresh();
}

function filter(text) {
  state.words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const span = [state.from, state.to];
  refilter();
  if (state.even) [span[0], span[1]] = extent();
  table(); show(...span);
}

function remember() {
  const view = new URLSearchParams();
  if (state.selected >= 0) view.set("event", state.selected);
  if ($("filter").value) view.set("q", $("filter").value);
  if (state.even) view.set("even", "1");
  view.set("from", Math.round(state.from)); view.set("to", Math.round(state.to));
  try { history.replaceState(null, "", `#${view}`); } catch { /* some browsers refuse this for files */ }
}

function legend() {
  for (const name of ORDERED_NAMES) {
    const button = make("button", undefined, { "aria-pressed": "true" });
    const dot = make("i"); dot.style.background = COLOURS.get(name);
    button.append(dot, `${TEXTS[name]} ${NAMES.get(name).toLocaleString("en")}`);
    button.onclick = () => {
      if (!state.hidden.delete(name)) state.hidden.add(name);
      button.setAttribute("aria-pressed", String(!state.hidden.has(name)));
      filter($("filter").value);
    };
    $("legend").append(button);
  }
}

function assertions() {
  for (const each of DATA.highlights) {
    const button = make("button", undefined, { "data-verdict": each.verdict });
    button.append(make("b", `${each.verdict}: ${each.name}`), ` ${each.message}`);
    button.onclick = () => focus(each);
    $("red").append(button);
  }
}

function pointer() {
  let from = null, moved = false;
  canvas.onpointerdown = (event) => { from = event.offsetX; moved = false; canvas.setPointerCapture(event.pointerId); };
  canvas.onpointermove = (event) => {
    if (from === null || Math.abs(event.offsetX - from) < 3) return;
    moved = true;
    const by = toPlace(from) - toPlace(event.offsetX);
    from = event.offsetX;
    show(state.from + by, state.to + by);
  };
  canvas.onpointerup = (event) => {
    if (from !== null && !moved) {
      const index = nearest(event.offsetX, event.offsetY);
      if (index >= 0) select(index, false);
    }
    from = null; remember();
  };
  canvas.addEventListener("wheel", (event) => {
    event.preventDefault();
    zoom(event.deltaY > 0 ? 1.25 : 0.8, toPlace(event.offsetX));
  }, { passive: false });
  canvas.ondblclick = (event) => zoom(0.25, toPlace(event.offsetX));
}

function nearest(x, y) {
  const list = byTrack[Math.floor((y - HEAD) / ROW)];
  if (!list || !list.length) return -1;
  const at = lower(list, toPlace(x));
  const near = [at - 1, at].filter((i) => i >= 0 && i < list.length).map((i) => list[i]);
  const best = near.sort((a, b) => Math.abs(toX(place[a]) - x) - Math.abs(toX(place[b]) - x))[0];
  return Math.abs(toX(place[best]) - x) <= 12 ? best : -1;
}

function keys(event) {
  if (event.target.tagName === "INPUT" && event.target.type === "search") return;
  const action = { ArrowLeft: () => move(-1), ArrowRight: () => move(1), "+": () => zoom(0.5), "=": () => zoom(0.5),
    "-": () => zoom(2), 0: () => show(...extent()) }[event.key];
  if (action) { event.preventDefault(); action(); }
}

function start() {
  const asked = new URLSearchParams(location.hash.slice(1));
  if (asked.get("even")) { state.even = true; $("even").checked = true; }
  if (asked.get("q")) { $("filter").value = asked.get("q"); state.words = asked.get("q").toLowerCase().split(/\s+/).filter(Boolean); }
  refilter();
  [state.from, state.to] = extent();
  legend(); assertions(); pointer();
  const number = (name) => (asked.has(name) && Number.isFinite(Number(asked.get(name))) ? Number(asked.get(name)) : null);
  if (number("from") !== null && number("to") > number("from")) [state.from, state.to] = [number("from"), number("to")];
  const chosen = number("event");
  const red = DATA.highlights.find((each) => each.event >= 0);
  if (chosen !== null && chosen >= 0 && chosen < COUNT) select(chosen);
  else if (red && !asked.has("from")) focus(red);
  else { details(); table(); refresh(); }
  $("fit").onclick = () => { show(...extent()); remember(); };
  $("in").onclick = () => { zoom(0.5); remember(); };
  $("out").onclick = () => { zoom(2); remember(); };
  $("previous").onclick = () => move(-1);
  $("next").onclick = () => move(1);
  $("even").onchange = () => { respace($("even").checked); table(); remember(); };
  let timer = 0;
  $("filter").oninput = () => { clearTimeout(timer); timer = setTimeout(() => { filter($("filter").value); remember(); }, 150); };
  window.addEventListener("resize", refresh);
  document.addEventListener("keydown", keys);
}

start();
