// Marks: the layers of a chart, from intervals up to what the pointer finds.

/** Return the encoding of a level: its colour, and beside other levels its place. */
function colours({ x, levels }) {
  const encoding = { color: ofLevels(levels, "colour") };
  if (!x.numeric && levels.length > 1)
    encoding.xOffset = { field: "level", type: "nominal", scale: { domain: titlesOf(levels) } };
  return encoding;
}

const titlesOf = (levels) => levels.map((level) => level.title);

const ofLevels = (levels, look) => ({
  field: "level",
  type: "nominal",
  legend: null,
  scale: { domain: titlesOf(levels), range: levels.map((level) => level[look]) },
});

/** Return the intervals, where there are any. */
function band({ x, rows }) {
  if (rows.every(({ low }) => low === null)) return [];
  const mark = x.numeric
    ? { type: "area", opacity: 0.14, aria: false }
    : { type: "rule", strokeWidth: 1.5, aria: false };
  const encoding = { y: { field: "low", type: "quantitative" }, y2: { field: "high" } };
  return [{ transform: [{ filter: "isValid(datum.low) && isValid(datum.high)" }], mark, encoding }];
}

function line({ x, levels }) {
  if (!x.numeric) return [];
  return [
    { mark: { type: "line", strokeWidth: 1.8, aria: false }, encoding: { strokeDash: ofLevels(levels, "dash") } },
  ];
}

/** Return the points, and around each a place that the pointer finds more easily. */
function points({ levels, size = 42, aria = true }) {
  const fields = { what: "title", value: "value", interval: "95 %", counts: "runs" };
  const tooltip = Object.entries(fields).map(([field, title]) => ({ field, title }));
  return [
    {
      mark: { type: "point", filled: true, opacity: 1, size, aria: false },
      encoding: { shape: ofLevels(levels, "shape") },
    },
    {
      mark: { type: "point", filled: true, opacity: 0, size: 260 },
      encoding: { tooltip, description: { field: "spoken" } },
    },
  ];
}

/** Return each run's own value. */
function singles({ runs }) {
  if (runs.length === 0) return [];
  const tooltip = Object.entries({ what: "title", value: "value", seed: "run" }).map(([field, title]) => ({
    field,
    title,
  }));
  return [
    {
      data: { values: runs },
      mark: { type: "point", filled: true, size: 14, opacity: 0.35, aria: false },
      encoding: { tooltip },
    },
  ];
}

/** Return a line across the picture, at the value of a signal. */
function markers({ marker }) {
  if (!marker) return [];
  const ink = { value: inStyle("--ink") };
  const x = { datum: { expr: marker }, type: "quantitative" };
  return [
    {
      data: { values: [{}] },
      mark: { type: "rule", strokeWidth: 2, strokeDash: [3, 3], aria: false },
      encoding: { x, y: null, color: ink },
    },
  ];
}
