// Light and dark: what the system prefers until the reader chooses, and the colours of marks in each.

const root = document.documentElement;
const prefersDark = matchMedia("(prefers-color-scheme: dark)");
const redraws = new Set(); // what is drawn again in other colours

const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : prefersDark.matches);

/** Return a colour of the page's style. */
const inStyle = (name) => getComputedStyle(root).getPropertyValue(name).trim();

function startTheme(button) {
  try {
    root.dataset.theme = localStorage.getItem("relubench-theme") ?? "";
  } catch {
    /* a browser that keeps nothing for files */
  }
  const show = () => {
    button.setAttribute("aria-pressed", String(isDark()));
    redraws.forEach((redraw) => redraw());
  };
  button.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try {
      localStorage.setItem("relubench-theme", root.dataset.theme);
    } catch {
      /* as above */
    }
    show();
  });
  prefersDark.addEventListener("change", show);
  show();
}

/** Return the colour of each of so many levels; those in an order take shades of one scale. */
function coloursOf(count, ordered) {
  if (ordered || count > page.colours.length) {
    const [first, last] = isDark() ? [0.25, 1] : [0, 0.85]; // what stands out from the paper
    const share = (place) => first + ((last - first) * place) / Math.max(count - 1, 1);
    return range(count).map((place) => page.shades[Math.round(share(place) * (page.shades.length - 1))]);
  }
  return page.colours.slice(0, count).map((colour) => (colour === "#000000" && isDark() ? "#F2F2F2" : colour));
}

const DASHES = [[], [6, 3], [6, 2, 1, 2], [1, 2], [9, 2], [3, 2], [2, 1], [10, 3]];
const SHAPES = [
  "M1,0A1,1,0,1,1,-1,0A1,1,0,1,1,1,0Z", // circle
  "M-.9,-.9H.9V.9H-.9Z",
  "M0,-1.1L1.1,.9H-1.1Z",
  "M0,-1.25L1,0L0,1.25L-1,0Z",
  "M0,1.1L1.1,-.9H-1.1Z",
  "M-.35,-1.1H.35V-.35H1.1V.35H.35V1.1H-.35V.35H-1.1V-.35H-.35Z", // plus
  "M-1.1,-.6L-.6,-1.1L0,-.5L.6,-1.1L1.1,-.6L.5,0L1.1,.6L.6,1.1L0,.5L-.6,1.1L-1.1,.6L-.5,0Z", // cross
  "M-1.2,-.55H1.2V.55H-1.2Z",
];

/** Return how the line of a level looks, which is the one of this number. */
const lookOf = (title, place, colour) => ({
  title,
  colour,
  shape: SHAPES[place % SHAPES.length],
  dash: DASHES[place % DASHES.length],
});

/** Return a small picture of a line: its colour, dashes and mark. */
function swatch(level, dashed) {
  const picture = shape("svg", { width: 30, height: 12, "aria-hidden": "true", class: "swatch" });
  const line = { x1: 0, x2: 30, y1: 6, y2: 6, stroke: level.colour, "stroke-width": 2, "stroke-dasharray": level.dash };
  if (dashed) picture.append(shape("line", line));
  picture.append(shape("path", { d: level.shape, transform: "translate(15,6) scale(4)", fill: level.colour }));
  return picture;
}
