#!/usr/bin/env bash
# vega-interpreter 2.3.2 (npm) evaluates Vega's expressions on pages whose Content-Security-Policy lets no text be code (vega-embed's `ast: true`).
# Its datetime(x) takes a number for a year, where compiled expressions take it for milliseconds; 1793491200000 is no valid year. Vega-Lite 6.5.0
# writes datetime(milliseconds) where the ticks of a temporal axis, or the domain of its scale, are given as numbers. So with Vega 6.4.0 the same
# chart, interpreted, has none of those ticks, or has no ticks and its line upright on the left edge; there is no error and no warning. Likewise
# datetime() isn't now, but no valid time. Ticks and domains as text (ISO 8601), or as {year, month, date, utc}, are drawn alike both ways.
# Needs Node.js 20 and npm.
set -euo pipefail
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT; cd "$work"
echo '{"private": true, "type": "module"}' >package.json
npm install --silent --no-audit --no-fund --no-save vega@6.4.0 vega-lite@6.5.0 vega-interpreter@2.3.2
cat >draw.js <<'JS'
import { readFileSync } from "node:fs";
import * as vega from "vega";
import { expressionInterpreter } from "vega-interpreter";
import { compile } from "vega-lite";

const START = Date.UTC(2026, 10, 1);
const DAY = 86400000;
const DAYS = [0, 1, 2, 3, 4];
const IN_NUMBERS = DAYS.map((day) => START + day * DAY);
const IN_PARTS = DAYS.map((day) => ({ year: 2026, month: 11, date: 1 + day, utc: true }));
const IN_TEXT = IN_NUMBERS.map((time) => new Date(time).toISOString());

/** Five points, one a day; the ticks (values) and the domain of their axis as given. */
function chart(values, domain) {
  return {
    width: 200,
    height: 50,
    data: { values: DAYS.map((day) => ({ time: START + day * DAY, number: day })) },
    mark: "line",
    encoding: {
      x: { field: "time", type: "temporal", scale: { type: "utc", domain }, axis: { values, format: "%d", title: null, grid: false } },
      y: { field: "number", type: "quantitative", axis: null },
    },
  };
}

/** Labels of the axis, where the line begins and ends, and how often something was warned of, drawn in the one way or the other. */
async function drawn(spec, interpreted) {
  const told = [];
  const note = (...words) => (told.push(words.join(" ")), logger);
  const logger = { level: () => logger, error: note, warn: note, info: () => logger, debug: () => logger };
  const runtime = vega.parse(compile(spec, { logger }).spec, null, { ast: interpreted });
  const view = new vega.View(runtime, { logger, ...(interpreted && { expr: expressionInterpreter }) });
  const svg = await view.toSVG();
  const labels = [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map((match) => match[1]).join(" ");
  const line = /aria-roledescription="line mark"[^>]* d="([^"]*)"/.exec(svg)?.[1] ?? "";
  const across = line.slice(1).split("L").map((point) => point.split(",")[0]);
  return `ticks [${labels}], line from ${across[0]} to ${across.at(-1)}, ${told.length} messages`;
}

/** What a signal of an expression is, drawn in the one way or the other. */
async function evaluated(expression, interpreted) {
  const runtime = vega.parse({ signals: [{ name: "found", update: expression }] }, null, { ast: interpreted });
  const view = await new vega.View(runtime, interpreted ? { expr: expressionInterpreter } : {}).runAsync();
  return view.signal("found");
}

let changed = false;
function seen(what, value, then) {
  const same = Object.is(value, then);
  changed ||= !same;
  console.log(same ? `seen: ${what}: ${value}` : `changed: ${what}: ${value}, was ${then}`);
}

for (const name of ["vega", "vega-lite", "vega-interpreter"]) {
  console.log(name, JSON.parse(readFileSync(`node_modules/${name}/package.json`)).version);
}
const BOTH = "ticks [01 02 03 04 05], line from 0 to 200, 0 messages";
const cases = [
  ["ticks in numbers", chart(IN_NUMBERS), BOTH, "ticks [], line from 0 to 200, 0 messages"],
  ["ticks in parts", chart(IN_PARTS), BOTH, BOTH],
  ["ticks in text", chart(IN_TEXT), BOTH, BOTH],
  ["domain in numbers", chart(IN_PARTS, [IN_NUMBERS[0], IN_NUMBERS[4]]), BOTH, "ticks [], line from 0 to 0, 0 messages"],
  ["domain in parts", chart(IN_PARTS, [IN_PARTS[0], IN_PARTS[4]]), BOTH, BOTH],
  ["domain in text", chart(IN_TEXT, [IN_TEXT[0], IN_TEXT[4]]), BOTH, BOTH],
];
for (const [what, spec, compiled, interpreted] of cases) {
  seen(`${what}, compiled`, await drawn(spec, false), compiled);
  seen(`${what}, interpreted`, await drawn(spec, true), interpreted);
}
for (const [expression, compiled, interpreted] of [
  [`time(datetime(${START}))`, START, NaN],
  ["year(datetime(2026))", 1970, 2026],
  ["isNaN(time(datetime()))", false, true],
  [`time(toDate(${START}))`, START, START],
]) {
  seen(`${expression}, compiled`, await evaluated(expression, false), compiled);
  seen(`${expression}, interpreted`, await evaluated(expression, true), interpreted);
}
process.exitCode = changed ? 1 : 0;
JS
TZ=UTC node draw.js
