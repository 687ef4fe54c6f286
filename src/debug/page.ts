/** What the page may load and do: its own three files and the questions it asks, nothing else. */
export const pagePolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

// All paths are relative, so that the page may have its place anywhere in a larger server.
export const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>gopark</title>
<link rel="stylesheet" href="page.css">
<h1>gopark</h1>
<p id="what"></p>
<div id="charts"></div>
<div id="tables"></div>
<h2>Who waits for what</h2>
<p><button id="take">take a dump</button> <label><input type="checkbox" id="follow"> every 5 seconds</label>
<a href="stack">text</a> <a href="dump">JSON</a> <a href="sockets">sockets</a> <a href="stats">numbers</a>
<a href="metrics">Prometheus</a></p>
<pre id="stack"></pre>
<script src="page.js"></script>
</html>
`;

export const pageStyle = `:root { color-scheme: light dark; font: 14px/1.4 system-ui, sans-serif; }
body { margin: 1.5rem; max-width: 75rem; }
h1 { font-size: 1.3rem; margin: 0; }
h2 { font-size: 1.05rem; margin: 1.2rem 0 .3rem; }
#charts, #tables { display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: start; }
figure { margin: 0; }
figcaption b { font-size: 1.2rem; font-variant-numeric: tabular-nums; }
svg { display: block; width: 12rem; height: 3rem; background: color-mix(in srgb, currentColor 6%, transparent); }
polyline { fill: none; stroke: #2a7de1; stroke-width: 1.5; vector-effect: non-scaling-stroke; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: .4rem 0 .1rem; }
td, th { padding: .1rem .8rem .1rem 0; text-align: left; font-weight: normal; }
td { text-align: right; }
pre { overflow-x: auto; padding: .8rem; background: color-mix(in srgb, currentColor 6%, transparent); }
.failed { color: #c33; }
`;

// What it is told is only ever set as text: it may come from peers.
export const pageScript = `'use strict';
const byId = (id) => document.getElementById(id);
const KEPT = 120;
const charts = new Map();
let before = null;

function make(tag, text, parent) {
  const element = document.createElement(tag);
  element.textContent = text;
  parent?.append(element);
  return element;
}

function short(n) {
  if (n >= 1e6) return (n / 1e6).toFixed(1) + ' M';
  if (n >= 1e4) return (n / 1e3).toFixed(1) + ' k';
  return Number.isInteger(n) ? String(n) : n.toFixed(n < 10 ? 2 : 0);
}

function chart(name, value, unit) {
  let one = charts.get(name);
  if (one === undefined) {
    const figure = make('figure', '', byId('charts'));
    const caption = make('figcaption', name + ' ', figure);
    const line = document.createElementNS('http://www.w3.org/2000/svg', 'polyline');
    const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    svg.setAttribute('viewBox', '0 0 ' + (KEPT - 1) + ' 100');
    svg.setAttribute('preserveAspectRatio', 'none');
    svg.append(line);
    figure.append(svg);
    charts.set(name, one = { now: make('b', '', caption), line, values: [] });
  }
  one.now.textContent = short(value) + unit;
  one.values.push(value);
  if (one.values.length > KEPT) one.values.shift();
  const most = Math.max(...one.values, 1e-9);
  const from = KEPT - one.values.length;
  one.line.setAttribute('points', one.values.map((v, i) => from + i + ',' + (97 - 94 * v / most)).join(' '));
}

function table(title, head, rows) {
  if (rows.length === 0) return;
  const element = make('table', '', byId('tables'));
  make('caption', title, element);
  if (head.length > 0) {
    const row = make('tr', '', element);
    for (const text of head) make('th', text, row);
  }
  for (const [first, ...rest] of rows) {
    const row = make('tr', '', element);
    make('th', first, row);
    for (const value of rest) make('td', typeof value === 'number' ? short(value) : String(value), row);
  }
}

function show(now) {
  const { runtime, sockets, files, blocks, memory, server } = now;
  byId('what').textContent = 'thread ' + now.threadId + ', driver ' + (now.driver ?? 'none yet') + ', ' + new Date(now.at).toLocaleTimeString();
  const seconds = before === null ? 0 : (now.at - before.at) / 1000;
  if (seconds > 0) {
    const [active, idle] = [now.loopActive - before.loopActive, now.loopIdle - before.loopIdle];
    chart('event loop busy', 100 * active / Math.max(active + idle, 1e-9), ' %');
    chart('operations', (now.completions - before.completions) / seconds, ' /s');
    chart('goroutines', runtime.goroutines, '');
    chart('goroutines started', (runtime.goroutinesStarted - before.runtime.goroutinesStarted) / seconds, ' /s');
    chart('resident memory', memory.rss / 2 ** 20, ' MiB');
  }
  before = now;
  byId('tables').replaceChildren();
  table('Open', [], Object.entries(sockets).sort((a, b) => b[1] - a[1]));
  table('Waits', [], Object.entries(runtime.waits).sort((a, b) => b[1] - a[1]));
  table('Since it began', [], [
    ['goroutines', runtime.goroutinesStarted], ['errors', runtime.errors], ['panics', runtime.panics],
    ['long holds', runtime.longHolds], ['longest, ms', runtime.longestHold],
    ['operations a batch', now.completions / Math.max(1, now.rounds)], ['timers now', runtime.timers]]);
  if (files !== null) table('Files: ' + files.engine, [], [
    ['under way', files.inFlight + ' of ' + files.concurrency], ['queued', files.queued],
    ['oldest wait, ms', files.oldestWait], ['over', files.completed], ['from memory', files.cached]]);
  table('Memory, MiB', [], [
    ['heap used', memory.heapUsed / 2 ** 20], ['heap', memory.heapTotal / 2 ** 20],
    ['buffers', memory.arrayBuffers / 2 ** 20], ['blocks used', blocks.bytesInUse / 2 ** 20],
    ['blocks idle', blocks.bytesIdle / 2 ** 20]]);
  if (server !== null) table('Ps', ['P', 'state', 'connections', 'goroutines', 'busy, %', 'restarts'],
    server.procs.map((p) => [p.index, p.state, p.connections, p.goroutines, 100 * p.utilization, p.restarts]));
}

async function look() {
  try {
    show(await (await fetch('stats')).json());
    byId('what').className = '';
  } catch (error) {
    byId('what').textContent = 'no answer: ' + error;
    byId('what').className = 'failed';
  }
  setTimeout(look, 1000);
}

async function take() {
  try {
    byId('stack').textContent = await (await fetch('stack')).text();
  } catch (error) {
    byId('stack').textContent = 'no answer: ' + error;
  }
}

async function follow() {
  if (byId('follow').checked) await take();
  setTimeout(follow, 5000);
}

byId('take').addEventListener('click', take);
byId('follow').addEventListener('change', take);
look();
follow();
`;
