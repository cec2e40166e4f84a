/* SPDX-License-Identifier: GPL-2.0-only */
// The page's data: columns of the events, tracks, what is shown. Knows nothing of the page.
const DATA = JSON.parse(document.getElementById("data").textContent);
const TEXTS = DATA.texts;
// A row of DATA.events: time in ns, name, track, task, seq, shape, values of the shape's keys; names are numbers of texts.
const [TIME, NAME, TRACK, TASK, SEQ, SHAPE, VALUES] = [0, 1, 2, 3, 4, 5, 6];
const EVENTS = DATA.events;
const COUNT = EVENTS.length;
const times = Float64Array.from(EVENTS, (row) => row[TIME]);
const NAMES = new Map(); // number of a name's text: how many events
for (const row of EVENTS) NAMES.set(row[NAME], (NAMES.get(row[NAME]) || 0) + 1);
const ORDERED_NAMES = [...NAMES.keys()].sort((a, b) => (TEXTS[a] < TEXTS[b] ? -1 : 1));
const SPAN_OF = new Int32Array(COUNT).fill(-1);
DATA.spans.forEach((span, number) => span[3].forEach((index) => { SPAN_OF[index] = number; }));
const TRIGGERS = new Map(); // event: the assertion that it decided
const CONTEXT = new Set();
for (const each of DATA.highlights) {
  if (each.event >= 0 && !TRIGGERS.has(each.event)) TRIGGERS.set(each.event, each);
  each.context.forEach((index) => CONTEXT.add(index));
}

// Fields of an event as [key, value] pairs.
function fieldsOf(index) {
  const row = EVENTS[index];
  return DATA.shapes[row[SHAPE]].map((key, place) => [TEXTS[key], TEXTS[row[VALUES + place]]]);
}

function textOf(index) {
  return fieldsOf(index).map(([key, value]) => `${key}=${value}`).join(" ");
}

function seconds(ns, digits = 9) {
  return (ns / 1e9).toFixed(digits);
}

// What is shown: filter, hidden names, horizontal extent, selection.
const state = { words: [], hidden: new Set(), even: false, from: 0, to: 1, selected: -1 };
const shown = new Uint8Array(COUNT);
let byTrack = DATA.tracks.map(() => new Int32Array(0)); // shown events of each track, in order
let order = new Int32Array(0); // all shown events, in order
let place = new Float64Array(COUNT); // horizontal position: ns, or the rank among shown events

function matches(index, words) {
  const row = EVENTS[index];
  const text = `${TEXTS[row[NAME]]} ${textOf(index)} ${TEXTS[row[TASK]]} ${DATA.tracks[row[TRACK]].name}`.toLowerCase();
  return words.every((word) => (word[0] === "-" && word.length > 1 ? !text.includes(word.slice(1)) : text.includes(word)));
}

// Apply filter and hidden names; call after either changed, and after "even" did.
function refilter() {
  const lists = DATA.tracks.map(() => []);
  const all = [];
  for (let index = 0; index < COUNT; index++) {
    const row = EVENTS[index];
    const visible = !state.hidden.has(row[NAME]) && (!state.words.length || matches(index, state.words));
    shown[index] = visible ? 1 : 0;
    if (visible) { lists[row[TRACK]].push(index); all.push(index); }
  }
  byTrack = lists.map((list) => Int32Array.from(list));
  order = Int32Array.from(all);
  if (state.even) {
    let rank = 0;
    for (let index = 0; index < COUNT; index++) { place[index] = rank; if (shown[index]) rank++; }
  } else {
    place = times;
  }
}

// First position in `list` (event numbers, in order) whose place is at least `where`.
function lower(list, where) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (place[list[middle]] < where) low = middle + 1; else high = middle;
  }
  return low;
}

// Place of a time: itself, or between the ranks of the events around it.
function placeOfTime(ns) {
  if (!state.even) return ns;
  let low = 0, high = order.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[order[middle]] < ns) low = middle + 1; else high = middle;
  }
  return low - 0.5;
}

function extent() {
  const marks = DATA.marks.map((mark) => placeOfTime(mark[0]));
  const ends = [...marks];
  if (state.even && order.length) ends.push(0, order.length - 1);
  if (!state.even && COUNT) ends.push(times[0], times[COUNT - 1]);
  let [from, to] = ends.length ? [Math.min(...ends), Math.max(...ends)] : [0, 1];
  const margin = Math.max((to - from) * 0.02, state.even ? 1 : 500);
  return [from - margin, to + margin];
}
