// The charts of the explorer: what becomes of one network over the learning rate, and during training.

// Over the rate, with the number of their colour.
const SHOWN = [
  ["dead_train_fraction", 1],
  ["test_accuracy", 2],
  ["diverged", 0],
];

/** Return a place for a chart, under its title and legend. */
function titled(title) {
  const legend = make("p", { className: "legend" });
  const chart = make("div", { className: "chart" });
  const whole = make("div", {}, make("p", { className: "figure-title" }, title), legend, chart);
  return { whole, legend, chart };
}

/** Draw lines under their legend; returns what Vega-Embed does. */
function drawLines({ legend, chart }, rows, levels, x, more = {}) {
  legend.replaceChildren(...levels.map((level) => make("span", {}, swatch(level, true), ` ${level.title}`)));
  const { params, ...look } = more;
  const spec = picture({
    rows: rows.filter(({ mean }) => mean !== null),
    runs: [],
    levels,
    panels: [""],
    numbers: { share: true },
    x: { title: x, numeric: true, titles: [] },
    width: chart.clientWidth,
    ...look,
  });
  const words = `${levels.map(({ title }) => title).join(", ")} over the ${x}`;
  return draw(chart, { ...spec, ...(params && { params }) }, words);
}

/** Draw what becomes of the network over the learning rate, with a line at the one that is chosen. */
function drawRate(box, { table, points, study }, rate) {
  const has = (numbers) => numbers && points.some((place) => numbers.mean[place] !== null);
  const shown = SHOWN.map(([name, place]) => [table.metrics[name], place]).filter(([numbers]) => has(numbers));
  const colours = coloursOf(SHOWN.length, false);
  const levels = shown.map(([numbers, place]) => lookOf(numbers.title, place, colours[place]));
  const row = (numbers, place) => ({
    ...rowOf(table, numbers, place, { x: NOTHING, level: NOTHING, panel: NOTHING }),
    x: study.explorer.rates[place],
    level: numbers.title,
    what: `learning rate ${inWords(study.explorer.rates[place])}`,
    spoken: `learning rate ${inWords(study.explorer.rates[place])}: ${numbers.title} ${inWords(numbers.mean[place], numbers.share)}`,
    diverged: 0,
    collapsed: 0, // of which the first is a line here
  });
  const rows = shown.flatMap(([numbers]) => points.map((place) => row(numbers, place)));
  return drawLines(box, rows, levels, "learning rate", { marker: "rate", params: [{ name: "rate", value: rate }] });
}

/** Draw how the layers die during training at the chosen rate. */
function drawTime(box, { study }, point) {
  const { steps, layers } = study.explorer;
  const courses = layers[point] ?? [];
  box.whole.hidden = courses.flat().every((mean) => mean === null);
  if (box.whole.hidden) return;
  const colours = coloursOf(courses.length, false);
  const levels = courses.map((_, layer) => lookOf(`layer ${layer + 1}`, layer, colours[layer]));
  const rows = courses.flatMap((course, layer) =>
    course.map((mean, probe) => ({
      x: steps[point][probe],
      level: levels[layer].title,
      panel: "",
      mean,
      low: null,
      high: null,
      what: `${levels[layer].title} · step ${steps[point][probe]}`,
      value: `dead units ${inWords(mean, true)}`,
      interval: "–",
      counts: "",
      spoken: `${levels[layer].title}, step ${steps[point][probe]}: dead units ${inWords(mean, true)}`,
    })),
  );
  return drawLines(box, rows, levels, "step");
}

/** Return the numbers of the picked network at every rate as a table. */
function cellTable({ study, table, points }) {
  const names = CARDS.filter((name) => table.metrics[name]);
  const rows = points.map((place) => [
    inWords(study.explorer.rates[place]),
    ...names.map((name) => inWords(table.metrics[name].mean[place], table.metrics[name].share)),
    runsInWords(table, table.metrics[names[0]], place),
  ]);
  const heads = ["learning rate", ...names.map((name) => table.metrics[name].title), "runs"];
  return tableOf("The picked network at every learning rate", heads, rows);
}
