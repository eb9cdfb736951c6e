// An experiment's figure, with what its reader chooses and the same numbers as a table.

/** Put the figure of an experiment into an element. */
function figure(element, study) {
  const state = { runs: false, picked: {} };
  const show = (table) => Object.assign(state, { table, roles: rolesOf(table), off: {} });
  const parts = {
    controls: make("div", {
      className: "controls",
      role: "group",
      "aria-label": `what the figure of ${study.name} shows`,
    }),
    levels: make("fieldset", { className: "levels" }),
    title: make("p", { className: "figure-title" }),
    chart: make("div", { className: "chart" }),
    status: make("p", { className: "note", role: "status" }),
  };
  let view;
  let drawing = Promise.resolve();
  const table = asTable(() => numbersOf(study.name, view));
  const redraw = () => {
    if (view.rows.every(({ mean }) => mean === null)) {
      return parts.chart.replaceChildren(make("p", { className: "note" }, "No run that is shown has this number."));
    }
    const renderer = view.runs.length > TOO_MANY ? "canvas" : "svg";
    return draw(parts.chart, picture({ ...view, width: parts.chart.clientWidth }), inSentence(view), renderer);
  };
  const update = () => {
    view = viewOf(state);
    renew(parts.controls, controls(study, state, view, show, update));
    renew(parts.levels, switches(state, view, update));
    parts.levels.hidden = view.levels.length < 2;
    parts.title.textContent = view.numbers.title;
    parts.status.textContent = inSentence(view);
    table.refresh();
    drawing = drawing.then(redraw);
  };
  show(study.tables.find(({ dimensions }) => dimensions.length > 0) ?? study.tables[0]); // one point is no figure
  const metrics = Object.keys(state.table.metrics);
  state.metric = metrics.find((name) => name === "dead_train_fraction") ?? metrics[0];
  element.replaceChildren(...Object.values(parts), table.details);
  redraws.add(update);
  update();
}

/** Return the choices: the metric, what lies along the axis, in lines and in panels, what is fixed, and single runs. */
function controls(study, state, view, show, update) {
  return [
    metricChoice(study, state, show, update),
    ...(state.table.dimensions.length > 1
      ? ["x", "level", "panel"].map((role) => roleChoice(state, role, update))
      : []),
    ...pickers(view.fixed, state.picked, view.there, update),
    runsChoice(study, state, view, update),
  ];
}

function metricChoice(study, state, show, update) {
  const every = study.tables.flatMap((table) => Object.keys(table.metrics).map((metric) => ({ table, metric })));
  const groups = Object.entries(Object.groupBy(every, ({ table }) => table.group));
  const ordered = groups.flatMap(([, some]) => some);
  const titles = groups.map(([group, some]) => [group, some.map(({ table, metric }) => table.metrics[metric].title)]);
  const chosen = ordered.findIndex(({ table, metric }) => table === state.table && metric === state.metric);
  return select("Metric", titles, chosen, (place) => {
    const { table, metric } = ordered[place];
    if (table !== state.table) show(table);
    state.metric = metric;
    update();
  });
}

const ROLES = { x: "Along the axis", level: "Lines", panel: "Panels" };

function roleChoice(state, role, update) {
  const keys = [...state.table.dimensions.map((each) => each.key), ...(role === "x" ? [] : [""])];
  const titles = [...state.table.dimensions.map((each) => each.title), ...(role === "x" ? [] : ["none"])];
  return select(ROLES[role], titles, keys.indexOf(state.roles[role]), (place) => {
    const other = Object.keys(ROLES).find(
      (name) => name !== role && state.roles[name] === keys[place] && keys[place] !== "",
    );
    if (other) state.roles[other] = state.roles[role];
    state.roles[role] = keys[place];
    if (state.roles.x === "") state.roles.x = keys.find((key) => !Object.values(state.roles).includes(key)) ?? "";
    state.off = {};
    update();
  });
}

function runsChoice(study, state, view, update) {
  const there = Boolean(view.numbers.runs);
  const why = study.tables[0].seeds
    ? "kept of shares at the end of training"
    : "not kept: merging this folder again keeps them";
  const label = ["Each run’s value", ...(there ? [] : [make("span", { className: "note" }, ` (${why})`)])];
  return box(
    "runs",
    label,
    state.runs && there,
    (on) => {
      state.runs = on;
      update();
    },
    !there,
  );
}

/** Return the legend of the lines, which switches them on and off. */
function switches(state, view, update) {
  const legend = make("legend", {}, view.level.title);
  const boxes = view.levels.map((level) =>
    box(level.title, [swatch(level, view.x.numeric), level.title], level.on, (on) => {
      state.off[level.title] = !on;
      update();
    }),
  );
  return [legend, ...boxes];
}

const ALL = { title: "which", titles: ["all"], at: [0] }; // where points differ in nothing there is one

/** Return the rows of a view as a table. */
function numbersOf(name, { x, level, panel, numbers, rows, runs }) {
  const drawn = [x, level, panel].filter((each) => each.key !== "");
  const directions = drawn.length > 0 ? drawn : [ALL];
  const single = runs.length > 0 ? [(row) => singleInWords(numbers.runs[row.place])] : [];
  const columns = [
    ...directions.map((each) => (row) => each.titles[each.at[row.place]]),
    (row) => inWords(row.mean, numbers.share),
    (row) => row.interval,
    (row) => row.counts,
    ...single,
  ];
  const heads = [...directions.map((each) => each.title), numbers.title, "95 % interval", "runs", "each run’s value"];
  const cells = rows.map((row) => columns.map((column) => column(row)));
  return tableOf(`${name}: ${numbers.title}`, heads.slice(0, columns.length), cells);
}

const singleInWords = (values) =>
  values.map((steps) => (steps === null ? "–" : inWords(steps / page.steps, true))).join(", ");
