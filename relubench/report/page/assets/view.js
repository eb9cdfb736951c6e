// What a figure shows: from a table and its reader's choices to rows, lines and panels.

const MOST_LEVELS = 8; // lines that are on from the start
const MOST_PANELS = 6;
const NOTHING = { key: "", title: "", values: [""], titles: [""], at: [] };

/** Return which directions of a table lie along the axis, are lines and are panels, to begin with. */
function rolesOf(table) {
  const free = table.dimensions.filter((each) => each.key !== "factor.world");
  if (free.length === 0) free.push(...table.dimensions);
  const take = (found) => free.splice(free.indexOf(found), found ? 1 : 0)[0]?.key ?? "";
  const longest = (some) => some.toReversed().toSorted((one, other) => other.values.length - one.values.length)[0];
  const upTo = (most) => free.filter((each) => each.values.length <= most);
  const x = take(
    free.find((each) => each.key === "step") ?? longest(free.filter((each) => each.numeric)) ?? longest(free),
  );
  const level = take(longest(upTo(MOST_LEVELS)) ?? free[0]);
  return { x, level, panel: take(longest(upTo(MOST_PANELS))) };
}

/** Return the rows of a state {table, metric, roles, picked, off, runs}, with their levels and panels. */
function viewOf({ table, metric, roles, picked, off, runs }) {
  const [x, level, panel] = ["x", "level", "panel"].map(
    (role) => table.dimensions.find((each) => each.key === roles[role]) ?? NOTHING,
  );
  const fixed = table.dimensions.filter((each) => ![x, level, panel].includes(each));
  const { left, there } = settle(fixed, picked, places(table));
  const numbers = table.metrics[metric];
  const levels = levelsOf(level, left, off);
  const on = new Set(levels.filter((each) => each.on).map((each) => each.title));
  const rows = left
    .map((place) => rowOf(table, numbers, place, { x, level, panel }))
    .filter((row) => on.has(row.level));
  const named = new Set(rows.map((row) => row.panel));
  return {
    table,
    numbers,
    x,
    level,
    panel,
    fixed,
    there,
    rows,
    levels,
    runs: runs && numbers.runs ? rows.flatMap((row) => singleRuns(table, numbers, row)) : [],
    panels: panel.titles.map((_, value) => panelTitle(panel, value)).filter((title) => named.has(title)),
  };
}

/** Return the levels that the points have, each with its look and whether it is on: the first ones are. */
function levelsOf(level, left, off) {
  const there = new Set(left.map((place) => level.at[place] ?? 0));
  const held = level.titles.map((title, value) => ({ title, value })).filter(({ value }) => there.has(value));
  const colours = coloursOf(held.length, level.numeric);
  return held.map(({ title }, place) => {
    const look = lookOf(title, place, colours[place]);
    return { ...look, dash: level.numeric ? [] : look.dash, on: !(off[title] ?? place >= MOST_LEVELS) };
  });
}

const panelTitle = (panel, value) => (panel.key === "" ? "" : `${panel.title}: ${panel.titles[value]}`);

function rowOf(table, numbers, place, { x, level, panel }) {
  const at = (direction) => direction.at[place] ?? 0;
  const named = [x, level, panel].filter((each) => each.key !== "");
  const what = named.map((each) => `${each.title} ${each.titles[at(each)]}`).join(" · ");
  const value = `${numbers.title} ${inWords(numbers.mean[place], numbers.share)}`;
  const lost = (name) => (numbers === table.metrics[name] ? 0 : (table.metrics[name]?.mean[place] ?? 0));
  return {
    place,
    x: x.numeric ? x.values[at(x)] : x.titles[at(x)],
    level: level.titles[at(level)],
    panel: panelTitle(panel, at(panel)),
    ...Object.fromEntries(["mean", "low", "high"].map((name) => [name, numbers[name][place]])),
    diverged: lost("diverged"),
    collapsed: lost("collapsed"),
    what,
    value,
    spoken: `${what}: ${value}`,
    interval: interval(table, numbers, place),
    counts: runsInWords(table, numbers, place),
  };
}

/** Return a row for each run behind a point that has a value. */
function singleRuns(table, numbers, row) {
  return (numbers.runs[row.place] ?? [])
    .map((steps, run) => ({ ...row, mean: steps / page.steps, seed: `seed ${table.seeds[row.place][run]}`, steps }))
    .filter(({ steps }) => steps !== null)
    .map((single) => ({ ...single, value: `${numbers.title} ${inWords(single.mean, true)}` }));
}

/** Tell what a view shows, for who does not see it. */
function inSentence({ numbers, x, level, panel, rows, levels, table }) {
  const on = levels.filter((each) => each.on).map((each) => each.title);
  const lines = level.key === "" ? "" : `; ${level.title}: ${on.join(", ") || "none"}`;
  const over = x.key === "" ? "" : ` over ${x.title}`;
  const apart = panel.key === "" ? "" : `, a panel for each ${panel.title}`;
  const lost = table.lost ? lostInWords(rows) : "";
  return `${numbers.title}${over}${lines}${apart}. ${rows.length} points. ${lost}`;
}

function lostInWords(rows) {
  const some = ["diverged", "collapsed"].filter((name) => rows.some((row) => row[name] > 0));
  return some.length === 0
    ? "No run behind them diverged or collapsed."
    : `Below: shares of runs that ${some.join(" or ")}.`;
}
