/* SPDX-License-Identifier: GPL-2.0-only */
// Draws the canvas: axis, marks, losses, a row per track, arrows of the selected event's span.
const canvas = document.getElementById("canvas");
const HEAD = 40, ROW = 30, FOOT = 8, LABEL = 148;
const DENSE = 2; // events per pixel column from which a row shows counts instead of events

function css(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// A colour per event name: spread hues, so that neighbours in the legend differ.
const COLOURS = new Map(ORDERED_NAMES.map((name, number) => [name, `hsl(${(number * 137.5 + 210) % 360} 62% 47%)`]));

const wide = () => canvas.clientWidth - LABEL - 8;
const toX = (where) => LABEL + ((where - state.from) / (state.to - state.from)) * wide();
const toPlace = (x) => state.from + ((x - LABEL) / wide()) * (state.to - state.from);
const rowY = (track) => HEAD + track * ROW;

let drawn = { inView: 0, single: 0, barRows: 0, marks: [] };

function draw() {
  const height = HEAD + DATA.tracks.length * ROW + FOOT;
  const scale = window.devicePixelRatio || 1;
  canvas.style.height = `${height}px`;
  canvas.width = Math.round(canvas.clientWidth * scale);
  canvas.height = Math.round(height * scale);
  const g = canvas.getContext("2d");
  g.setTransform(scale, 0, 0, scale, 0, 0);
  g.font = "12px system-ui, sans-serif";
  g.textBaseline = "middle";
  drawn = { inView: 0, single: 0, barRows: 0, marks: [] };
  drawAxis(g, height);
  g.save();
  g.beginPath(); g.rect(LABEL, HEAD, wide() + 8, height); g.clip();
  drawLosses(g);
  byTrack.forEach((list, track) => drawRow(g, list, track));
  drawArrows(g);
  drawSpecial(g);
  g.restore();
  drawLabels(g, height);
  drawMarks(g, height);
}

function step(span, count) {
  const rough = span / count, power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((f) => f * power).find((s) => s >= rough);
}

function drawAxis(g, height) {
  const size = Math.max(step(state.to - state.from, wide() / 130), state.even ? 1 : 1);
  const digits = Math.max(0, 9 - Math.floor(Math.log10(size)));
  g.fillStyle = css("--dim"); g.strokeStyle = css("--grid"); g.textAlign = "center";
  for (let at = Math.ceil(state.from / size) * size; at <= state.to; at += size) {
    const x = toX(at);
    g.beginPath(); g.moveTo(x, 18); g.lineTo(x, height); g.stroke();
    g.fillText(state.even ? `#${Math.round(at)}` : `${seconds(at, Math.min(9, digits))} s`, x, 9);
  }
}

function drawLabels(g, height) {
  g.fillStyle = css("--card"); g.fillRect(0, 18, LABEL, height);
  g.strokeStyle = css("--line"); g.textAlign = "left";
  DATA.tracks.forEach((track, row) => {
    g.fillStyle = css("--fg");
    g.fillText(track.name, 8, rowY(row) + ROW / 2);
    g.beginPath(); g.moveTo(0, rowY(row) - 0.5); g.lineTo(canvas.clientWidth, rowY(row) - 0.5); g.stroke();
  });
}

function drawMarks(g, height) {
  g.strokeStyle = css("--mark"); g.fillStyle = css("--mark"); g.textAlign = "left";
  let free = -Infinity;
  const last = new Map(); // one line per name and place: every source has the mark
  for (const [ns, , name] of [...DATA.marks].sort((a, b) => a[0] - b[0])) {
    const x = toX(placeOfTime(ns));
    if (x < LABEL || x > canvas.clientWidth || Math.abs((last.get(name) ?? -99) - x) < 3) continue;
    last.set(name, x);
    g.setLineDash([4, 3]); g.beginPath(); g.moveTo(x, 22); g.lineTo(x, height); g.stroke(); g.setLineDash([]);
    const width = g.measureText(name).width;
    const at = x + 3 + width <= canvas.clientWidth ? x + 3 : x - 3 - width; // not cut off at the right edge
    if (at >= free) { g.fillText(name, at, 28); free = at + width + 7; drawn.marks.push({ name, from: at, to: at + width }); }
  }
}

function drawLosses(g) {
  for (const [begin, end, source] of DATA.losses) {
    const from = Math.max(LABEL, toX(placeOfTime(begin))), to = Math.max(from + 3, toX(placeOfTime(end)));
    DATA.tracks.forEach((track, row) => {
      if (track.source !== source) return;
      g.fillStyle = css("--lost"); g.globalAlpha = 0.22;
      g.fillRect(from, rowY(row), to - from, ROW);
      g.globalAlpha = 1;
    });
  }
}

function drawRow(g, list, track) {
  const low = lower(list, state.from), high = lower(list, state.to);
  drawn.inView += high - low;
  const y = rowY(track);
  if (high - low > wide() * DENSE) { drawn.barRows++; drawBars(g, list, low, high, y); return; }
  drawn.single += high - low;
  const crowded = high - low > wide() / 6;
  for (let at = low; at < high; at++) {
    const x = toX(place[list[at]]);
    g.fillStyle = COLOURS.get(EVENTS[list[at]][NAME]);
    g.fillRect(x - (crowded ? 0.5 : 2), y + 7, crowded ? 1 : 4, ROW - 14);
  }
  if (!crowded) drawNames(g, list, low, high, y);
}

function drawNames(g, list, low, high, y) {
  g.textAlign = "left"; g.fillStyle = css("--fg");
  for (let at = low; at < high; at++) {
    const x = toX(place[list[at]]), next = at + 1 < high ? toX(place[list[at + 1]]) : canvas.clientWidth;
    const words = fieldsOf(list[at]).filter(([key]) => key === "op" || key === "function" || key === "reg" || key === "domain");
    const name = [TEXTS[EVENTS[list[at]][NAME]].replace(/^(model|l[012])\./, ""), ...words.map((w) => w[1])].join(" ");
    for (const label of [name, name.split(" ")[0]]) {
      if (g.measureText(label).width + 10 < next - x) { g.fillText(label, x + 5, y + ROW / 2); break; }
    }
  }
}

// Counts per pixel column, on a logarithmic scale, in the colour of the column's most frequent name.
function drawBars(g, list, low, high, y) {
  const columns = Math.floor(wide());
  let at = low;
  for (let column = 0; column < columns; column++) {
    const until = lower(list, toPlace(LABEL + column + 1));
    if (until <= at) continue;
    const counts = new Map();
    for (let i = at; i < Math.min(until, high); i++) {
      const name = EVENTS[list[i]][NAME];
      counts.set(name, (counts.get(name) || 0) + 1);
    }
    const most = [...counts].sort((a, b) => b[1] - a[1])[0];
    const size = Math.min(ROW - 4, 4 + 4 * Math.log2(1 + until - at));
    g.fillStyle = most ? COLOURS.get(most[0]) : css("--dim");
    g.fillRect(LABEL + column, y + ROW - 2 - size, 1, size);
    at = until;
  }
}

// The selected event's span: an arrow from each of its events to the next.
function drawArrows(g) {
  const number = state.selected >= 0 ? SPAN_OF[state.selected] : -1;
  if (number < 0) return;
  const inside = DATA.spans[number][3];
  g.strokeStyle = g.fillStyle = css("--mark"); g.lineWidth = 1.5;
  for (let at = 0; at + 1 < inside.length; at++) {
    const [a, b] = [inside[at], inside[at + 1]];
    const [x1, x2] = [toX(place[a]), toX(place[b])];
    const [y1, y2] = [a, b].map((index) => rowY(EVENTS[index][TRACK]) + ROW / 2);
    const bend = y1 === y2 ? ROW * 0.45 : 0;
    const [mx, my] = [(x1 + x2) / 2, (y1 + y2) / 2 - bend * 2];
    g.beginPath(); g.moveTo(x1, y1); g.quadraticCurveTo(mx, my, x2, y2); g.stroke();
    const angle = Math.atan2(y2 - my, x2 - mx);
    g.beginPath(); g.moveTo(x2, y2);
    g.lineTo(x2 - 7 * Math.cos(angle - 0.4), y2 - 7 * Math.sin(angle - 0.4));
    g.lineTo(x2 - 7 * Math.cos(angle + 0.4), y2 - 7 * Math.sin(angle + 0.4)); g.fill();
  }
  g.lineWidth = 1;
}

// Triggers in red, their neighbours in yellow, the selected event ringed; drawn whatever the filter says.
function drawSpecial(g) {
  const ring = (index, colour, grow, width) => {
    const x = toX(place[index]);
    if (x < LABEL - 10 || x > canvas.clientWidth + 10) return;
    g.strokeStyle = colour; g.lineWidth = width;
    g.strokeRect(x - 2 - grow, rowY(EVENTS[index][TRACK]) + 7 - grow, 4 + 2 * grow, ROW - 14 + 2 * grow);
    g.lineWidth = 1;
  };
  CONTEXT.forEach((index) => ring(index, "#d9a441", 2, 1.5));
  TRIGGERS.forEach((_, index) => ring(index, css("--lost"), 4, 2.5));
  if (state.selected >= 0) ring(state.selected, css("--link"), 6, 1.5);
}
