// The explorer: pick a network and move its learning rate; see what dies, what it still learns, and in which layer.

const CARDS = ["dead_train_fraction", "test_accuracy", "test_loss", "diverged", "collapsed"];
const MEANINGS = { diverged: "training blew up", collapsed: "no better than chance" };
const MOST_DOTS = 128;

/** Put the explorer of the experiments that have learning rates into an element. */
function explore(element, studies) {
  const state = { study: studies[0], picked: {}, rate: null };
  const parts = {
    controls: make("div", { className: "controls", role: "group", "aria-label": "the network to look at" }),
    rate: make("div", { className: "slider" }),
    cards: make("div", { className: "cards" }),
    status: make("p", { className: "visually-hidden", role: "status" }),
    layers: make("div", { className: "layers" }),
  };
  const charts = ["over the learning rate", "during training at this rate"].map(titled);
  let cell;
  let overRate;
  let drawing = Promise.resolve();
  const table = asTable(() => cellTable(cell));
  const move = (place) => {
    const point = cell.points[place];
    parts.cards.replaceChildren(...cards(cell, point));
    parts.status.textContent = pointInWords(cell, point);
    parts.layers.replaceChildren(...layersOf(cell, point));
    drawing = drawing.then(async () => {
      await overRate.view.signal("rate", cell.rates[place]).runAsync();
      await drawTime(charts[1], cell, point);
    });
  };
  const slide = (place) => {
    state.rate = cell.rates[place];
    move(place);
  };
  const update = () => {
    cell = cellOf(state);
    const place = nearestRate(cell.rates, state.rate ?? interesting(cell));
    renew(parts.controls, cellChoices(state, studies, cell, update));
    renew(parts.rate, [slider(cell, place, slide)]);
    table.refresh();
    drawing = drawing.then(async () => (overRate = await drawRate(charts[0], cell, cell.rates[place])));
    move(place);
  };
  const pair = make("div", { className: "pair" }, ...charts.map(({ whole }) => whole));
  element.replaceChildren(...Object.values(parts), pair, table.details);
  redraws.add(update);
  update();
}

/** Return the network that is picked: its points by rate, and which values there are to pick. */
function cellOf({ study, picked }) {
  const { rates, picks } = study.explorer;
  const table = study.tables[0];
  const { left, there } = settle(picks, (picked[study.name] ??= {}), places(table));
  const points = left.toSorted((one, other) => rates[one] - rates[other]);
  return { study, table, points, there, rates: points.map((place) => rates[place]) };
}

/** Return the first rate at which a tenth of the units are dead, or where there is none the one in the middle. */
function interesting({ table, points, rates }) {
  const dead = table.metrics.dead_train_fraction.mean;
  return rates[points.findIndex((point) => dead[point] >= 0.1)] ?? rates[Math.floor(points.length / 2)];
}

/** Return the place of the rate that lies nearest, by its logarithm. */
function nearestRate(rates, wanted) {
  const far = rates.map((rate) => Math.abs(Math.log(rate / wanted)));
  return far.indexOf(Math.min(...far));
}

function cellChoices(state, studies, cell, update) {
  const choose = (place) => {
    state.study = studies[place];
    update();
  };
  const study = select(
    "experiment",
    studies.map((each) => each.name),
    studies.indexOf(state.study),
    choose,
  );
  const picks = pickers(state.study.explorer.picks, state.picked[state.study.name], cell.there, update);
  return [...(studies.length > 1 ? [study] : []), ...picks];
}

function slider({ rates }, place, change) {
  const reading = make("b", {}, inWords(rates[place]));
  const input = make("input", { type: "range", name: "rate", min: 0, max: rates.length - 1, step: 1, value: place });
  input.setAttribute("aria-valuetext", inWords(rates[place]));
  input.addEventListener("input", () => {
    const chosen = Number(input.value);
    reading.textContent = inWords(rates[chosen]);
    input.setAttribute("aria-valuetext", inWords(rates[chosen]));
    change(chosen);
  });
  return make("label", {}, make("span", {}, "learning rate ", reading), input);
}

/** Return the metrics that a point has, each with its numbers: an accuracy, or where there is none the loss. */
function metricsAt(table, point) {
  const there = CARDS.map((name) => [name, table.metrics[name]]).filter(
    ([, numbers]) => numbers && numbers.mean[point] !== null,
  );
  const classifies = there.some(([name]) => name === "test_accuracy");
  return there.filter(([name]) => !(classifies && name === "test_loss"));
}

function cards({ table }, point) {
  return metricsAt(table, point).map(([name, numbers]) => {
    const below = [MEANINGS[name], interval(table, numbers, point), `runs: ${runsInWords(table, numbers, point)}`];
    return make(
      "div",
      { className: `card ${name}` },
      make("span", { className: "card-title" }, numbers.title),
      make("strong", {}, inWords(numbers.mean[point], numbers.share)),
      make("span", { className: "note" }, below.filter(Boolean).join("; ")),
    );
  });
}

function pointInWords({ study, table }, point) {
  const words = metricsAt(table, point).map(
    ([, numbers]) => `${numbers.title} ${inWords(numbers.mean[point], numbers.share)}`,
  );
  return `Learning rate ${inWords(study.explorer.rates[point])}: ${words.join(", ")}.`;
}

/** Return a row of dots a layer: its units, the dead ones hollow. */
function layersOf({ study }, point) {
  const { layers, widths } = study.explorer;
  const shares = (layers[point] ?? []).map((course) => course?.at(-1) ?? null);
  if (shares.length === 0) return [make("p", { className: "note" }, "This experiment has not kept its layers.")];
  if (shares.every((share) => share === null)) return [make("p", { className: "note" }, "Every run diverged.")];
  return shares.map((share, layer) => {
    const name = `layer ${layer + 1}`;
    const words = `${inWords(share, true)} dead`;
    return make(
      "div",
      { className: "layer" },
      make("span", {}, name),
      dots(share, widths[point][layer] ?? 64),
      make("span", {}, words),
    );
  });
}

function dots(share, width) {
  const count = Math.min(width, MOST_DOTS);
  const dead = Math.round(share * count);
  const dot = (place) => make("i", { className: place < dead ? "dead" : "" });
  return make("div", { className: "dots", "aria-hidden": "true" }, ...range(count).map(dot));
}
