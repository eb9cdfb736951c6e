// Charts: from rows {x, level, panel, mean, low, high, ...} to what Vega-Lite draws.

const HEIGHT = 220;
const LOST_HEIGHT = 44;
const NARROWEST = 260; // panels narrower than this go below each other
const PLAIN = "format(datum.value, '~g')"; // of which scales would make 2e+1
const MARGIN = 58; // room of a panel for its axis
const TOO_MANY = 1500; // so many single runs are drawn as pixels, not as shapes

/** Draw a specification in an element; what it shows is told in `words` to who cannot see it. */
async function draw(element, spec, words, renderer = "svg") {
  const ink = inStyle("--ink");
  const config = {
    background: null,
    font: "inherit",
    view: { stroke: null },
    axis: {
      labelColor: ink,
      titleColor: ink,
      gridColor: inStyle("--line"),
      domainColor: ink,
      tickColor: ink,
      labelFontSize: 11,
    },
    title: { color: ink, fontSize: 13, anchor: "start" },
  };
  const tooltip = { theme: isDark() ? "dark" : "light", anchor: "mark" };
  const options = {
    mode: "vega-lite",
    renderer,
    tooltip,
    config,
    actions: { export: true, source: false, compiled: false, editor: false },
  };
  const embedded = await vegaEmbed(element, { ...spec, description: words }, options);
  element.querySelector("summary").setAttribute("aria-label", "Save this picture");
  return embedded;
}

/** Return a scale along which numbers lie well: a logarithmic one where they differ much. */
function scaleOf(values) {
  const numbers = [...new Set(values)].sort((one, other) => one - other);
  const [least, second] = numbers;
  const most = numbers.at(-1);
  const scale = { nice: false, padding: 8, ...(most > least ? { domain: [least, most] } : {}) };
  if (least > 0 && most >= 20 * least) return { ...scale, type: "log" };
  if (least === 0 && most >= 20 * second) return { ...scale, type: "symlog", constant: second };
  return { ...scale, type: "linear", zero: false };
}

/** Return the y axis of a metric over these rows, the same for all panels: shares from 0, in per cent. */
function ordinate(rows, numbers) {
  const values = rows.flatMap((row) => [row.mean, row.low, row.high]).filter((value) => value !== null);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  if (numbers.share) {
    const domain = [Math.min(0, least), Math.min(1.05 * Math.max(0.05, most), 1.03)];
    return { scale: { domain, nice: false }, axis: { title: null, format: ".0%", tickCount: 5 } };
  }
  const apart = most > least ? 0 : Math.abs(least) / 2 || 1;
  const type = least > 0 && most > 1000 * least ? "log" : "linear";
  return {
    scale: { type, domain: [least - apart, most + apart], padding: 6 },
    axis: { title: null, labelExpr: PLAIN, tickCount: 5 },
  };
}

/** Return a picture of rows: a panel for each of `panels`, with lost runs below it where there are any. */
function picture({ rows, runs, numbers, x, levels, panels, width, marker }) {
  const across = Math.min(panels.length, Math.max(1, Math.floor(width / NARROWEST)));
  const look = {
    rows,
    runs,
    x,
    levels,
    marker,
    y: ordinate([...rows, ...runs], numbers),
    width: Math.floor(width / across) - MARGIN,
  };
  const lost = ["diverged", "collapsed"].filter((name) => rows.some((row) => row[name] > 0));
  return { columns: across, spacing: 14, concat: panels.map((name) => panel(name, look, lost)) };
}

function panel(name, look, lost) {
  const here = (row) => row.panel === name;
  const whole = { ...look, rows: look.rows.filter(here), runs: look.runs.filter(here) };
  const main = layered(whole, HEIGHT, lost.length > 0);
  const strips = lost.map((share, place) => strip(whole, share, place < lost.length - 1));
  const title = name === "" ? undefined : { text: name };
  return { title, vconcat: [main, ...strips], spacing: 4 };
}

function layered(look, height, bare) {
  const layer = [...band(look), ...line(look), ...singles(look), ...points(look), ...markers(look)];
  return {
    width: look.width,
    height,
    data: { values: look.rows },
    encoding: { x: abscissa(look, bare), y: { field: "mean", type: "quantitative", ...look.y }, ...colours(look) },
    layer,
  };
}

/** Return the share of runs that diverged or collapsed, as a low picture under the others. */
function strip(look, share, bare) {
  const y = {
    field: share,
    type: "quantitative",
    scale: { domain: [0, 1] },
    axis: { title: null, format: ".0%", values: [0, 1] },
  };
  const layer = [...line(look), ...points({ ...look, size: 18, aria: false })];
  return {
    title: { text: `${share} runs`, fontSize: 11, fontWeight: "normal", offset: 2 },
    width: look.width,
    height: LOST_HEIGHT,
    data: { values: look.rows },
    encoding: { x: abscissa(look, bare), y, ...colours(look) },
    layer,
  };
}

/** Return the ticks of a logarithmic axis: powers of ten, within a decade and a half others too. */
function ticksOf({ type, domain }) {
  if (type !== "log") return {};
  const [first, last] = domain.map(Math.log10);
  const steps = last - first > 1.5 ? [1] : [1, 2, 5];
  const powers = range(Math.floor(last) - Math.floor(first) + 1).map((place) => Math.floor(first) + place);
  const every = Math.ceil(powers.length / 8);
  const kept = powers.filter((power) => (power - powers[0]) % every === 0);
  return { values: kept.flatMap((power) => steps.map((step) => Number(`${step}e${power}`))) };
}

function abscissa({ x, rows, width }, bare) {
  const longest = Math.max(0, ...x.titles.map((title) => title.length));
  const fits = 7 * longest * x.titles.length < width;
  const axis = bare
    ? { title: null, labels: false }
    : {
        title: x.title,
        ...(x.numeric
          ? { labelExpr: PLAIN, labelOverlap: true }
          : { labelAngle: fits ? 0 : -35, labelLimit: 110, labelOverlap: false }),
      };
  if (!x.numeric) return { field: "x", type: "nominal", sort: null, scale: { domain: x.titles }, axis };
  const scale = scaleOf(rows.map((row) => row.x));
  return { field: "x", type: "quantitative", scale, axis: { ...axis, tickCount: 6, ...ticksOf(scale) } };
}
