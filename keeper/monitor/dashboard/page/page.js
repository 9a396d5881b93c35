"use strict";
/* The operator's page. All text goes in as text: nothing that the keeper tells is ever taken for markup. */

const $ = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

function make(tag, attributes = {}, ...children) {
  const svg = ["svg", "g", "path", "line", "rect", "circle", "text", "title", "defs", "marker"].includes(tag);
  const element = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "text") element.textContent = value;
    else if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// ------------------------------------------------------------------ numbers as people read them

function eth(value, sign = false) {
  if (value === null || value === undefined) return "-";
  if (value === 0) return "0";
  const size = Math.floor(Math.log10(Math.abs(value)));
  const digits = Math.max(size >= 0 ? 4 : 2 - size, 4);
  return (sign && value > 0 ? "+" : value < 0 ? "\u2212" : "") + Math.abs(value).toFixed(Math.min(digits, 9));
}
const count = (value) => Number(value || 0).toLocaleString("en");
const share = (value) => (100 * value).toFixed(value === 1 || value === 0 ? 0 : value > 0.9995 ? 3 : 1) + " %";
const ms = (value) => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));
const gwei = (value) => String(Number(value.toPrecision(4)));
const short = (text) => (text.length > 13 ? text.slice(0, 6) + ".." + text.slice(-4) : text);
const clock = (at) => new Date(1000 * at).toTimeString().slice(0, 8);

function amount(value) {
  if (!value) return "-";
  return Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 }).format(value);
}

function span(seconds) {
  if (seconds < 60) return Math.max(seconds, 0).toFixed(seconds < 10 ? 1 : 0) + " s";
  if (seconds < 3600) return Math.floor(seconds / 60) + " min";
  return (seconds / 3600).toFixed(1) + " h";
}

function trimmed(text) { // "0.050123456789 WETH" with as many digits as a table has room for
  const [value, ...unit] = text.split(" ");
  const number = Number(value);
  if (!Number.isFinite(number)) return text;
  const digits = number === 0 ? 0 : Math.max(0, Math.min(8, 3 - Math.floor(Math.log10(Math.abs(number)))));
  return [number.toLocaleString("en", { maximumFractionDigits: digits }), ...unit].join(" ");
}

// ------------------------------------------------------------------ what is known

const KEPT = { blocks: 240, profit: 1440, decisions: 80, logs: 120 };
let known;
let dirty = new Set();
let skew = 0; // of this browser's clock against the keeper's

function forget() {
  known = { blocks: [], profit: [], decisions: new Map(), logs: [], to: { blocks: 0, profit: 0, logs: 0 } };
}

function take(message, whole) {
  if (whole) forget();
  skew = Date.now() / 1000 - message.now;
  for (const name of ["blocks", "profit"]) {
    const { to, rows } = message[name];
    const fresh = rows.slice(Math.max(rows.length - (to - known.to[name]), 0));
    if (fresh.length) dirty.add(name);
    known[name].push(...fresh);
    known[name].splice(0, known[name].length - KEPT[name]);
    known.to[name] = Math.max(known.to[name], to);
  }
  for (const decision of message.decisions) {
    known.decisions.set(decision.n, decision);
    dirty.add("decisions");
  }
  for (const n of [...known.decisions.keys()].slice(0, -KEPT.decisions)) known.decisions.delete(n);
  const lines = message.logs.filter((line) => line.n > known.to.logs);
  if (lines.length) {
    known.logs = known.logs.concat(lines).slice(-KEPT.logs);
    known.to.logs = lines[lines.length - 1].n;
    dirty.add("logs");
  }
  for (const [name, value] of Object.entries(message)) {
    if (name in KEPT) continue;
    known[name] = value;
    dirty.add(name);
  }
  if (whole) dirty = new Set([...Object.keys(known), "all"]);
  draw();
}

let drawing = false;
function draw() {
  if (drawing) return;
  drawing = true;
  const go = () => {
    drawing = false;
    const changed = dirty;
    dirty = new Set();
    for (const [names, how] of VIEWS) if (changed.has("all") || names.some((name) => changed.has(name))) how();
  };
  // A page that nobody sees draws nothing, and catches up when it is seen.
  if (document.hidden) drawing = false;
  else requestAnimationFrame(go);
}

// ------------------------------------------------------------------ charts

function place(id, children, width, height) {
  $(id).replaceChildren(make("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none" }, ...children));
}

function steps(low, high, wanted) {
  const rough = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough);
  const ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step / 1e6; tick += step) ticks.push(tick);
  return ticks;
}

const SERIES = [["predicted", 2], ["simulated", 3], ["realised", 4]];

function drawProfit() {
  const points = known.profit;
  const legend = SERIES.map(([name, at]) => make("span", {},
    make("svg", { viewBox: "0 0 26 8" }, make("line", { class: `line ${name}`, x1: 0, y1: 4, x2: 26, y2: 4 })),
    make("span", { text: name }), make("b", { text: points.length ? eth(points[points.length - 1][at]) : "-" })));
  $("profit-legend").replaceChildren(...legend);
  const box = $("profit"), width = box.clientWidth, height = box.clientHeight;
  if (points.length < 1) return box.replaceChildren(make("p", { class: "empty", text: "No transaction's fate is known yet." }));
  const left = 64, right = 10, top = 8, bottom = 24;
  // A run begins at nothing.
  const rows = [[known.identity.started_at, 0, 0, 0, 0], ...points];
  const values = rows.flatMap((row) => row.slice(2));
  const low = Math.min(0, ...values), high = Math.max(...values, low + 1e-9);
  const from = rows[0][0], to = Math.max(rows[rows.length - 1][0], from + 1);
  const x = (at) => left + ((at - from) / (to - from)) * (width - left - right);
  const y = (value) => top + (1 - (value - low) / (high - low)) * (height - top - bottom);
  const parts = [];
  for (const tick of steps(low, high, 5)) {
    parts.push(make("line", { class: tick === 0 ? "zero" : "grid", x1: left, x2: width - right, y1: y(tick), y2: y(tick) }));
    parts.push(make("text", { x: left - 8, y: y(tick) + 4, "text-anchor": "end", text: tick === 0 ? "0" : String(Number(tick.toPrecision(6))) }));
  }
  const labels = Math.max(2, Math.floor(width / 160));
  for (let n = 0; n <= labels; n++) {
    const at = from + ((to - from) * n) / labels;
    parts.push(make("text", { x: x(at), y: height - 6, "text-anchor": n === 0 ? "start" : n === labels ? "end" : "middle", text: clock(at) }));
  }
  const path = (at) => rows.map((row, n) => (n ? `H${x(row[0]).toFixed(1)}V${y(row[at]).toFixed(1)}` : `M${x(row[0]).toFixed(1)} ${y(row[at]).toFixed(1)}`)).join("");
  parts.push(make("path", { class: "area", d: `${path(4)}V${y(0)}H${x(from)}Z` }));
  for (const [name, at] of [...SERIES].reverse()) parts.push(make("path", { class: `line ${name}`, d: path(at) }));
  place("profit", parts, width, height);
  box.onmousemove = (event) => {
    const at = from + ((event.offsetX - left) / (width - left - right)) * (to - from);
    const row = rows.findLast((one) => one[0] <= at) || rows[0];
    tip(event, [clock(row[0]) + (row[1] ? "  block " + count(row[1]) : ""), ...SERIES.map(([name, n]) => name.padEnd(11) + eth(row[n]))].join("\n"));
  };
}

function columns(id, at, options = {}) {
  const box = $(id), width = box.clientWidth, height = box.clientHeight, left = 40;
  const rows = known.blocks.slice(-Math.max(20, Math.floor((width - left) / 4)));
  if (!rows.length) return box.replaceChildren();
  const values = rows.map(at);
  const high = options.high || Math.max(...values.map((value) => value ?? 0), options.least || 1);
  const wide = (width - left) / rows.length;
  const parts = [0, high].map((tick) => {
    const y = 4 + (1 - tick / high) * (height - 10);
    return make("g", {}, make("line", { class: "grid", x1: left, x2: width, y1: y, y2: y }),
      make("text", { x: left - 6, y: y + 4, "text-anchor": "end", text: (options.label || String)(tick) }));
  });
  values.forEach((value, n) => {
    if (value === null) return;
    const tall = Math.max((value / high) * (height - 10), 1);
    parts.push(make("rect", { class: "col " + (options.kind ? options.kind(value) : ""), x: (left + n * wide).toFixed(2), y: (height - 6 - tall).toFixed(2), width: Math.max(wide - 1, 1).toFixed(2), height: tall.toFixed(2) }));
  });
  place(id, parts, width, height);
  box.onmousemove = (event) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, Math.floor((event.offsetX - left) / wide)))];
    tip(event, `block ${count(row[0])}\nhandled in  ${ms(row[1])} ms\nRPC calls   ${row[2]}\ncache       ${row[3]} hits, ${row[4]} misses\nevents      ${row[5]}\nbase fee    ${gwei(row[6])} gwei`);
  };
}

function drawBlocks() {
  const box = $("handled");
  $("blocks-shown").textContent = Math.min(known.blocks.length, Math.max(20, Math.floor((box.clientWidth - 40) / 4)));
  columns("handled", (row) => row[1], { least: 5, label: (tick) => (tick ? ms(tick) : "0"), kind: (value) => (value > 250 ? "bad" : value > 100 ? "warn" : "") });
  columns("calls", (row) => row[2], { least: 4, label: (tick) => tick.toFixed(0) });
  columns("hits", (row) => (row[3] + row[4] ? row[3] / (row[3] + row[4]) : null), { high: 1, label: (tick) => 100 * tick + " %", kind: (value) => (value > 0.95 ? "good" : "warn") });
}

function tip(event, text) {
  const box = $("tip");
  box.textContent = text;
  box.hidden = false;
  box.style.left = Math.min(event.clientX + 14, innerWidth - box.offsetWidth - 8) + "px";
  box.style.top = Math.min(event.clientY + 14, innerHeight - box.offsetHeight - 8) + "px";
}

/** One bar a row: [name, [length, length of the tail behind it], words], lengths as shares of the whole. */
function bars(id, rows, empty) {
  const cells = rows.flatMap(([name, [size, tail], words, title]) => {
    const track = make("div", { class: "track", title });
    for (const [value, kind] of [[tail, "fill tail"], [size, "fill"]]) {
      if (!(value > 0)) continue;
      const fill = make("div", { class: kind });
      fill.style.width = 100 * Math.min(value, 1) + "%";
      track.append(fill);
    }
    return [make("div", { text: name }), track, make("div", { class: "num" }, ...words)];
  });
  $(id).replaceChildren(...(cells.length ? cells : [make("div", { class: "empty", text: empty })]));
}

// ------------------------------------------------------------------ a route as a graph

let chosen = null; // the decision that the operator picked; otherwise the last one that was sent is drawn

function drawRoute() {
  const all = [...known.decisions.values()];
  const decision = known.decisions.get(chosen) || all.findLast((one) => SENT.has(one.outcome)) || all[all.length - 1];
  if (!decision) return;
  $("route-name").textContent = `block ${count(decision.block)}, ${decision.routes.length > 1 ? decision.routes.length + " routes in one transaction" : "one route"}`;
  const box = $("route"), width = box.clientWidth, height = box.clientHeight;
  const tokens = [...new Set(decision.routes.flatMap((route) => route.tokens))];
  const firsts = new Set(decision.routes.map((route) => route.tokens[0]));
  const turn = tokens.length === 2 ? Math.PI : -Math.PI / 2;
  const middle = [width / 2, height / 2], reach = [width / 2 - 40, height / 2 - 34];
  const spots = new Map(tokens.map((token, n) => {
    const angle = turn + (2 * Math.PI * n) / tokens.length;
    return [token, [middle[0] + reach[0] * Math.cos(angle), middle[1] + reach[1] * Math.sin(angle)]];
  }));
  const arrows = [0, 1, 2, 3].map((n) => make("marker", { id: "arrow" + n, viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto", markerUnits: "userSpaceOnUse" }, make("path", { class: "f" + n, d: "M0 0 8 4 0 8z" })));
  const parts = [make("defs", {}, ...arrows)], labels = [], nodes = [], between = new Map();
  const taken = [...spots.values()].map(([x, y]) => [x, y, 20]);
  decision.routes.forEach((route, index) => route.pools.forEach((pool, hop) => {
    const [from, to] = [spots.get(route.tokens[hop]), spots.get(route.tokens[hop + 1])];
    const [dx, dy] = [to[0] - from[0], to[1] - from[1]], length = Math.hypot(dx, dy) || 1;
    const pair = [route.tokens[hop], route.tokens[hop + 1]].sort().join();
    const nth = between.get(pair) || 0;
    between.set(pair, nth + 1);
    // Ways of the same pair bend apart, to one side and the other.
    const forth = route.tokens[hop] < route.tokens[hop + 1] ? 1 : -1;
    const bend = forth * (nth % 2 ? -1 : 1) * (Math.floor(nth / 2) + 1) * Math.min(0.3 * length, 56);
    const [nx, ny] = [-dy / length, dx / length];
    const control = [(from[0] + to[0]) / 2 + nx * bend, (from[1] + to[1]) / 2 + ny * bend];
    const pull = (end) => {
      const [ax, ay] = [control[0] - end[0], control[1] - end[1]], far = Math.hypot(ax, ay) || 1;
      return [end[0] + (ax / far) * 25, end[1] + (ay / far) * 25];
    };
    const [start, stop] = [pull(from), pull(to)], colour = index % 4;
    parts.push(make("path", { class: "edge r" + colour, d: `M${start} Q${control} ${stop}`, "marker-end": `url(#arrow${colour})` },
      make("title", { text: `${route.tokens[hop]} to ${route.tokens[hop + 1]}: ${pool.dex || "pool"} ${pool.address}` })));
    const words = (pool.dex ? brief(pool.dex) : short(pool.address)) + (pool.fee ? ` ${pool.fee}%` : "");
    const half = words.length * 2.8 + 3;
    const spot = [0, 1].map((n) => start[n] / 4 + control[n] / 2 + stop[n] / 4);
    spot[0] = Math.max(half, Math.min(width - half, spot[0]));
    // Words that would lie on others step aside.
    while (taken.some(([x, y, far]) => Math.abs(x - spot[0]) < half + far && Math.abs(y - spot[1]) < 15)) spot[1] += 5;
    taken.push([...spot, half]);
    labels.push(make("g", { class: "edge-label" },
      make("rect", { x: spot[0] - half, y: spot[1] - 8, width: 2 * half, height: 16, rx: 4 }),
      make("text", { x: spot[0], y: spot[1] + 4, text: words })));
  }));
  for (const [token, [x, y]] of spots) {
    nodes.push(make("g", { class: "node" + (firsts.has(token) ? " first" : "") },
      make("circle", { cx: x, cy: y, r: 21 }), make("text", { x, y: y + 4, text: token.slice(0, 6), class: token.length > 5 ? "long" : undefined }), make("title", { text: token })));
  }
  place("route", [...parts, ...labels, ...nodes], width, height);
  const facts = [["outcome", words(decision)], ["goes in", decision.routes.map((route) => `${trimmed(route.in)} (${FUNDING[route.lender] || route.lender})`).join(", ")],
    ["expected", decision.gains.map(trimmed).join(", ")], ["received", decision.got ? decision.got.map(trimmed).join(", ") + (decision.exact ? ", to the wei" : "") : "-"],
    ["lenders' fees", decision.fees.map(trimmed).join(", ") || "none"], ["gas: L2, L1, bid", [decision.l2, decision.l1, decision.bid].map((wei) => eth(wei)).join(", ")]];
  if (decision.hash) facts.push(["transaction", decision.hash]);
  $("route-facts").replaceChildren(...facts.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value, class: name === "transaction" ? "hash" : undefined, title: value })]));
}

const brief = (dex) => dex.replace("uniswap", "uni").replace("pancake", "cake").replace("balancer", "bal").replace("weighted", "w").replaceAll("_", " ");

const FUNDING = { none: "flash-swap, no lender" };

// ------------------------------------------------------------------ opportunities

const SENT = new Set(["sent", "included", "reverted", "dropped", "reorged"]);
const KIND = { included: "good", sent: "info", reverted: "bad", reorged: "warn", "dry run": "info" };
const WORDS = { sent: "in flight", dropped: "in no block", reorged: "left the chain" };
const words = (decision) => (WORDS[decision.outcome] || decision.outcome) + (decision.why ? ": " + decision.why : "");

const rowOf = new Map();
let shown = "all";

function drawDecisions() {
  const wanted = [...known.decisions.values()].reverse().filter((one) => shown === "all" || SENT.has(one.outcome) === (shown === "sent"));
  const body = $("decisions");
  for (const n of rowOf.keys()) if (!known.decisions.has(n)) rowOf.delete(n);
  const rows = wanted.map((decision) => {
    const text = JSON.stringify([decision.outcome, decision.realised, decision.n === chosen]);
    let kept = rowOf.get(decision.n);
    if (!kept || kept.text !== text) rowOf.set(decision.n, (kept = { text, row: decisionRow(decision) }));
    return kept.row;
  });
  if (rows.length !== body.children.length || rows.some((row, n) => body.children[n] !== row)) body.replaceChildren(...rows);
  $("no-decisions").hidden = rows.length > 0;
}

function decisionRow(decision) {
  const [first, ...more] = decision.routes;
  const dexes = [...new Set(decision.routes.flatMap((route) => route.pools.map((pool) => pool.dex || short(pool.address))))];
  const lenders = [...new Set(decision.routes.map((route) => (route.lender === "none" ? "flash-swap" : route.lender)))];
  const outcome = make("td", {}, make("span", { class: "pill", "data-kind": KIND[decision.outcome] || "", text: WORDS[decision.outcome] || decision.outcome }));
  const why = decision.why || (decision.outcome === "included" ? (decision.exact ? "as predicted, to the wei" : decision.touched ? "a pool moved in between" : "unlike predicted") : "");
  if (why) outcome.append(make("span", { class: "why", text: why }));
  const sign = decision.realised === null ? "" : decision.realised < 0 ? " neg" : " pos";
  const row = make("tr", { tabindex: 0, "data-n": decision.n, "data-outcome": decision.outcome, "aria-selected": decision.n === chosen },
    make("td", { text: count(decision.block) }),
    make("td", { class: "route", text: first.tokens.join(" \u2192 ") + (more.length ? `  +${more.length}` : "") }),
    make("td", { class: "opt cut", text: dexes.map(brief).join(", "), title: dexes.join(", ") }),
    make("td", { class: "opt cut small", text: lenders.join(", "), title: lenders.join(", ") }),
    make("td", { class: "n opt", text: eth(decision.predicted) }), make("td", { class: "n opt", text: eth(decision.simulated) }),
    make("td", { class: "n" + sign, text: eth(decision.realised) }), outcome);
  const choose = () => {
    chosen = chosen === decision.n ? null : decision.n;
    dirty.add("decisions");
    draw();
  };
  row.onclick = choose;
  row.onkeydown = (event) => event.key === "Enter" && choose();
  return row;
}

// ------------------------------------------------------------------ tables and numbers

function drawTiles() {
  const totals = known.totals, prices = known.prices, blocks = known.blocks.slice(-60);
  if (!totals) return;
  const sorted = known.blocks.map((row) => row[1]).sort((a, b) => a - b);
  const at = (part) => sorted[Math.max(Math.ceil(part * sorted.length) - 1, 0)];
  const calls = blocks.reduce((sum, row) => sum + row[2], 0) / (blocks.length || 1);
  const tiles = [
    ["Net profit", eth(totals.profit), "ETH", `after ${eth(totals.gas)} of gas`, totals.profit < 0 ? "bad" : totals.profit > 0 ? "good" : "", "tile-profit"],
    ["Included", count(totals.included), `of ${count(totals.sent)}`, `${totals.reverted} reverted, ${totals.dropped} in no block`, "", "tile-included"],
    ["To the wei", `${totals.untouched_exact}`, `of ${totals.untouched}`, `${totals.touched} more had a pool moved`, totals.untouched_exact < totals.untouched ? "bad" : "", "tile-exact"],
    ["Opportunities", count(totals.opportunities), "", `${count(totals.cycles)} cycles searched`, "", "tile-opportunities"],
    ["Block handled in", sorted.length ? ms(at(0.5)) : "-", "ms", sorted.length ? `99th percentile ${ms(at(0.99))} ms` : "", "", "tile-handled"],
    ["Cache hit rate", share(totals.hit_rate), "", `${totals.pools} pools, ${totals.stale} stale`, "", "tile-hits"],
    ["RPC calls a block", calls.toFixed(1), "", `${count(totals.pools_read)} pools read in all`, "", "tile-calls"],
    ["Base fee", gwei(prices.base_fee), "gwei", `L1 data ${gwei(prices.l1_unit)} gwei a unit`, "", "tile-fee"],
  ];
  $("tiles").replaceChildren(...tiles.map(([name, value, unit, note, kind, id]) => make("div", { class: "tile", "data-kind": kind, id },
    make("h3", { text: name }), make("b", {}, value, make("small", { text: unit })), make("p", { text: note, title: note }))));
}

function drawLatency() {
  const stages = Object.entries(known.latency || {});
  const low = 0.01, high = Math.max(10, ...stages.map(([, pair]) => pair[1]));
  const part = (value) => (value <= low ? 0.01 : Math.log(value / low) / Math.log(high / low));
  bars("latency", stages.map(([name, [half, most]]) => [
    { fetch: "fetch (waits for a block)", block_to_sent: "block to sent, all" }[name] || name, [part(half), part(most)],
    [make("b", { text: ms(half) }), "  " + ms(most)], `median ${half} ms, 99th percentile ${most} ms`]), "No block was handled yet.");
  if (!stages.length) return;
  const ticks = make("div", { class: "ticks" });
  for (let tick = low; tick <= high; tick *= 10) {
    const mark = make("span", { text: String(Number(tick.toPrecision(1))) });
    mark.style.left = 100 * Math.max(part(tick), 0) * (tick > low) + "%";
    ticks.append(mark);
  }
  $("latency").append(make("div"), ticks, make("div", { class: "num", text: "ms" }));
}

function drawRefused() {
  const rows = Object.entries(known.refused || {}).filter(([, times]) => times).sort((a, b) => b[1] - a[1]);
  const most = Math.max(1, ...rows.map(([, times]) => times));
  bars("refused", rows.map(([name, times]) => [name.replaceAll("_", " "), [times / most, 0], [make("b", { text: count(times) })]]), "Nothing was left so far.");
}

function facts(id, rows) {
  $(id).replaceChildren(...rows.flatMap(([name, value]) => [make("dt", { text: name }), make("dd", { text: value })]));
}

function drawGas() {
  if (!known.totals) return;
  const expected = known.totals.expected, paid = known.totals.gas;
  facts("gas", [["spent", eth(paid)], ["L2 gas, estimated", eth(expected.l2 || 0)], ["L1 data, estimated", eth(expected.l1 || 0)],
    ["bid above the base fee", eth(expected.bid || 0)], ["share of the gain paid for gas", expected.worth ? share((expected.l2 + expected.l1 + expected.bid) / expected.worth) : "-"],
    ["tip", known.prices.tip ? gwei(known.prices.tip) + " gwei" : "not collected"]]);
  columns("bids", (row) => row[6], { least: 0.001, label: (tick) => gwei(tick) });
}

function table(id, head, rows, empty) {
  if (!rows.length) return $(id).replaceChildren(make("tbody", {}, make("tr", {}, make("td", { class: "muted", text: empty }))));
  const cell = (tag) => (value, n) => make(tag, typeof value === "object" ? value : { text: value, class: n ? "n" : undefined });
  $(id).replaceChildren(make("thead", {}, make("tr", {}, ...head.map(cell("th")))), make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map(cell("td"))))));
}

function drawLenders() {
  const lenders = known.lenders || [];
  const tokens = [...new Set(lenders.flatMap((lender) => Object.keys(lender.has)))].filter((token) => lenders.some((lender) => lender.has[token]));
  table("lenders", ["lender", "fee", ...tokens], lenders.map((lender) => [lender.name.replaceAll("_", " "), lender.fee ? lender.fee + " %" : "free", ...tokens.map((token) => amount(lender.has[token]))]), "No lender's terms are known right now.");
}

function drawHeld() {
  const held = known.quarantine || { pools: [], tokens: [], counts: {}, more: 0 };
  $("held-count").textContent = held.pools.length + held.more ? `${held.pools.length + held.more} pools held` : "";
  const rows = [...held.tokens.map((one) => [`token ${one.token}`, one.reason.replaceAll("_", " "), "for good"]),
    ...held.pools.map((one) => [{ text: `${one.dex} ${one.tokens.join("/")}`, title: one.address }, one.reason.replaceAll("_", " "), span(one.seconds)])];
  table("held", ["what", "why", "for yet"], rows, "Nothing is held.");
}

function drawNodes() {
  table("nodes", ["node", "requests", "failures", "behind"], (known.nodes || []).map((node) => [{ text: node.node, class: "wrap" }, count(node.requests), count(node.failures), node.paused ? "left alone" : node.lag_blocks ? node.lag_blocks + " blocks" : "no"]), "No node was asked yet.");
}

function drawLogs() {
  $("logs").replaceChildren(...known.logs.slice().reverse().map((line) => make("li", {},
    make("time", { text: (line.at || "").slice(11, 19) }), make("span", { class: "level " + line.level, text: line.level }),
    make("span", { class: "event", text: line.event }), make("span", { class: "text", text: line.text }))));
}

const STATES = { LIVE: "good", DRY_RUN: "info", STARTING: "info", DEGRADED: "warn", HALTED: "bad" };

function drawState() {
  const { state, reasons, breakers } = known.standing;
  $("state").textContent = state.replace("_", " ");
  $("state").dataset.kind = STATES[state] || "";
  document.title = `${state === "LIVE" ? "" : state + " \u2013 "}flashkeeper`;
  const why = Object.entries(reasons);
  $("banner").hidden = !why.length;
  $("banner").dataset.kind = STATES[state];
  $("banner").textContent = why.map(([name, reason]) => (name === reason ? reason : `${name}: ${reason}`)).join(" \u00b7 ");
  $("pause").disabled = "operator" in reasons || state === "HALTED";
  $("resume").disabled = !("operator" in reasons) || state === "HALTED";
  $("halt").disabled = state === "HALTED";
  const chips = Object.entries(breakers).map(([name, on]) => make("span", { class: on ? "on" : "", text: name.replaceAll("_", " ") + (on ? " tripped" : "") }));
  $("breakers").replaceChildren(...(chips.length ? chips : [make("span", { class: "none", text: why.length ? why.map(([name]) => name).join(", ") + " holds the keeper back" : "Nothing holds the keeper back." })]));
}

function drawHead() {
  if (!known || !known.head) return;
  $("block").textContent = count(known.head.number);
  $("age").textContent = span(Date.now() / 1000 - skew - known.head.timestamp);
}

function drawIdentity() {
  const { chain, executor, operator, treasury, version } = known.identity;
  $("chain").textContent = chain;
  $("footer").textContent = `flashkeeper ${version} \u00b7 executor ${executor} \u00b7 operator ${operator} \u00b7 treasury ${treasury} \u00b7 running since ${new Date(1000 * known.identity.started_at).toLocaleString("en-GB")}`;
}

const VIEWS = [
  [["identity"], drawIdentity], [["standing"], drawState], [["head"], drawHead], [["totals", "blocks"], drawTiles],
  [["profit"], drawProfit], [["decisions"], drawDecisions], [["decisions"], drawRoute], [["refused"], drawRefused],
  [["totals", "blocks"], drawGas], [["latency"], drawLatency], [["blocks"], drawBlocks], [["lenders"], drawLenders],
  [["quarantine"], drawHeld], [["nodes"], drawNodes], [["logs"], drawLogs],
];

// ------------------------------------------------------------------ the operator

function say(text, kind) {
  $("answer").textContent = text;
  $("answer").dataset.kind = kind;
  $("answer").hidden = !text;
}

async function act(action) {
  const token = $("token").value.trim();
  $("token").classList.toggle("missing", !token);
  if (!token) return say("The token is needed: the keeper wrote this run's to dashboard.token in its state_dir.", "warn");
  try {
    const answer = await fetch(action, { method: "POST", headers: { Authorization: "Bearer " + token } });
    const body = await answer.json();
    if (!answer.ok) return say(`Refused: ${body.error}.`, "bad");
    sessionStorage.setItem("token", token);
    say(`Done: the keeper is ${body.state.replace("_", " ")}.`, "good");
    setTimeout(() => say("", ""), 4000);
  } catch {
    say("The keeper does not answer.", "bad");
  }
}

let sure;
for (const action of ["pause", "resume"]) $(action).onclick = () => act(action);
$("halt").onclick = () => {
  // Only a new run resumes what was halted.
  if ($("halt").classList.toggle("sure")) {
    $("halt").textContent = "Really halt?";
    sure = setTimeout(unsure, 4000);
    return;
  }
  unsure();
  act("halt");
};
function unsure() {
  clearTimeout(sure);
  $("halt").classList.remove("sure");
  $("halt").textContent = "Halt";
}
$("controls").onsubmit = (event) => event.preventDefault();
$("filter").onclick = (event) => {
  if (!event.target.dataset.show) return;
  shown = event.target.dataset.show;
  for (const button of $("filter").children) button.setAttribute("aria-pressed", String(button === event.target));
  dirty.add("decisions");
  draw();
};

function theme(name) {
  document.documentElement.dataset.theme = name;
  localStorage.setItem("theme", name);
}
theme(localStorage.getItem("theme") || (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark"));
$("theme").onclick = () => theme(document.documentElement.dataset.theme === "light" ? "dark" : "light");

// A token in the address is for this page only, and not for the history.
if (location.hash.length > 1) {
  sessionStorage.setItem("token", decodeURIComponent(location.hash.slice(1)));
  history.replaceState(null, "", location.pathname);
}
$("token").value = sessionStorage.getItem("token") || "";

// ------------------------------------------------------------------ the keeper

function link(up, text) {
  $("link").dataset.up = up;
  $("link").lastElementChild.textContent = text;
  document.body.classList.toggle("lost", up === "no");
}

forget();
const source = new EventSource("events");
source.addEventListener("snapshot", (event) => take(JSON.parse(event.data), true));
source.addEventListener("update", (event) => take(JSON.parse(event.data), false));
source.onopen = () => link("yes", "live");
source.onerror = () => link("no", "connection lost");
setInterval(drawHead, 500);
for (const box of document.querySelectorAll(".chart")) box.onmouseleave = () => ($("tip").hidden = true);
const redraw = () => {
  dirty.add("all");
  if (known.identity) draw();
};
addEventListener("resize", redraw);
document.addEventListener("visibilitychange", () => document.hidden || redraw());
