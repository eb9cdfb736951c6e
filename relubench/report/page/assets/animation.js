// Decision lines of a network with two inputs, moved through probe by probe.

const ROOM = 0.4; // around the inputs, as a share of their span
const PICTURES_A_SECOND = 4;
const movesLess = matchMedia("(prefers-reduced-motion: reduce)");

/** Put the animation of an experiment into an element. */
function animate(element, { x, y, classes, probes }) {
  const scene = sceneOf(x, y);
  const drawing = shape("svg", {
    viewBox: scene.view.join(" "),
    role: "img",
    class: "scene",
    "aria-label": "inputs and decision lines",
  });
  const units = shape("g");
  drawing.append(inputs(x, y, classes, scene), units);
  const caption = make("p", { className: "note", role: "status" });
  const show = (place) => {
    units.replaceChildren(...linesOf(probes[place], scene));
    caption.textContent = probeInWords(probes[place], scene);
  };
  const words =
    "Each line is where one unit switches on, its arrow points to where it is active. A dead unit’s is dashed.";
  element.replaceChildren(
    drawing,
    make("p", { className: "note" }, words),
    caption,
    player(probes.length, show, caption),
    probesTable(probes, scene).details,
  );
  show(0);
}

/** Return the square around the inputs: its middle, half its side, and the view of it, upside down as drawings are. */
function sceneOf(x, y) {
  const ends = [x, y].map((values) => [Math.min(...values), Math.max(...values)]);
  const middle = ends.map(([low, high]) => (low + high) / 2);
  const half = Math.max(...ends.map(([low, high]) => high - low)) * (0.5 + ROOM);
  return { middle, half, view: [middle[0] - half, -middle[1] - half, 2 * half, 2 * half] };
}

function inputs(x, y, classes, { half }) {
  const size = 0.012 * half;
  const dots = classes.map((label, place) => {
    const [left, down] = [x[place], -y[place]];
    const side = 1.8 * size;
    return label === 0
      ? shape("circle", { cx: left, cy: down, r: size, class: "input first" })
      : shape("rect", { x: left - side / 2, y: down - side / 2, width: side, height: side, class: "input second" });
  });
  return shape("g", {}, ...dots);
}

/** Return each unit's line w·x + b = 0 with an arrow to the side on which it is active. */
function linesOf({ w0, w1, b, dead }, { middle, half }) {
  return w0.flatMap((_, unit) => {
    const length = Math.hypot(w0[unit], w1[unit]);
    const [across, up] = [w0[unit] / length, w1[unit] / length];
    const offset = (w0[unit] * middle[0] + w1[unit] * middle[1] + b[unit]) / length;
    const [footX, footY] = [middle[0] - offset * across, middle[1] - offset * up];
    const point = (along, out) => [footX - along * up + out * across, -(footY + along * across + out * up)];
    const kind = dead[unit] ? "unit dead" : "unit";
    const path = (...corners) =>
      shape("path", { d: `M${corners.map((along) => point(...along)).join("L")}`, class: kind });
    const [place, tip, wing] = [0.5 * half, 0.13 * half, 0.03 * half];
    const head = [
      [place - wing, tip - 1.6 * wing],
      [place, tip],
      [place + wing, tip - 1.6 * wing],
    ];
    return [path([-3 * half, 0], [3 * half, 0]), path([place, 0], [place, tip]), path(...head)];
  });
}

/** Whether a line crosses the square: z has both signs at its corners. */
function isSeen({ w0, w1, b }, unit, { middle, half }) {
  const corners = [
    [-1, -1],
    [-1, 1],
    [1, -1],
    [1, 1],
  ];
  const z = corners.map(
    ([right, up]) => w0[unit] * (middle[0] + right * half) + w1[unit] * (middle[1] + up * half) + b[unit],
  );
  return Math.min(...z) < 0 && Math.max(...z) > 0;
}

function countsOf(probe, scene) {
  const beyond = range(probe.b.length).filter((unit) => !isSeen(probe, unit, scene)).length;
  return { dead: probe.dead.filter(Boolean).length, units: probe.b.length, beyond };
}

function probeInWords(probe, scene) {
  const { dead, units, beyond } = countsOf(probe, scene);
  return `Step ${inWords(probe.step)}: ${dead} of ${units} units dead${beyond ? `, ${beyond} lines out of view` : ""}.`;
}

/** Return what moves through the pictures: a slider, and where motion is welcome, a button that plays them. */
function player(count, show, caption) {
  const slider = make("input", { type: "range", name: "probe", min: 0, max: count - 1, step: 1, value: 0 });
  const button = make("button", { type: "button", hidden: movesLess.matches }, "Play");
  let timer = null;
  const move = (place) => {
    slider.value = place;
    show(place);
    slider.setAttribute("aria-valuetext", caption.textContent);
  };
  const stop = () => {
    clearInterval(timer);
    timer = null;
    button.textContent = "Play";
    caption.setAttribute("aria-live", "polite");
  };
  const play = () => {
    caption.setAttribute("aria-live", "off"); // a picture a moment would drown everything else
    button.textContent = "Pause";
    if (Number(slider.value) === count - 1) move(0);
    timer = setInterval(() => {
      move(Number(slider.value) + 1);
      if (Number(slider.value) === count - 1) stop();
    }, 1000 / PICTURES_A_SECOND);
  };
  button.addEventListener("click", () => (timer === null ? play() : stop()));
  slider.addEventListener("input", () => {
    stop();
    move(Number(slider.value));
  });
  movesLess.addEventListener("change", () => {
    stop();
    button.hidden = movesLess.matches;
  });
  return make("div", { className: "slider" }, button, make("label", {}, make("span", {}, "probe"), slider));
}

function probesTable(probes, scene) {
  return asTable(() => {
    const rows = probes.map((probe) => {
      const { dead, units, beyond } = countsOf(probe, scene);
      return [inWords(probe.step), `${dead} of ${units}`, String(beyond)];
    });
    return tableOf(
      "Dead units and lines out of view at every probe",
      ["step", "dead units", "lines out of view"],
      rows,
    );
  });
}
