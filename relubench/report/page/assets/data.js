// The numbers of the page: unpacked, read point by point, and written as words.

/** Return the tree that the page holds as compressed text. */
async function unpack(text) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).json();
}

/** Make an element with properties (or attributes, where a name has a dash) and children. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** Make an element of a drawing. */
function shape(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
  element.append(...children);
  return element;
}

const range = (count) => Array.from({ length: count }, (_, place) => place);

/** Return the places of a table's points. */
const places = (table) => range(Object.values(table.metrics)[0].mean.length);

/** Write a number in three digits, a share in per cent. */
function inWords(value, share) {
  if (value === null || value === undefined) return "–";
  if (share) return `${percent(100 * value)} %`;
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return value.toLocaleString("en-GB");
  return size >= 1e4 || (size > 0 && size < 1e-3) ? value.toExponential(2) : String(Number(value.toPrecision(3)));
}

/** Write per cents in two digits or three. */
function percent(value) {
  const size = Math.abs(value);
  if (size >= 9.95 || size === 0) return value.toFixed(0);
  return value.toFixed(size >= 0.995 ? 1 : 2);
}

/** Write a point's interval; of a mean over runs, why it has none. */
function interval(table, numbers, place) {
  if (numbers.low[place] === null) {
    if (numbers.mean[place] === null || !table.lost) return "–";
    return numbers.n[place] < page.fewest ? `fewer than ${page.fewest} runs` : "all runs equal";
  }
  return `${inWords(numbers.low[place], numbers.share)} to ${inWords(numbers.high[place], numbers.share)}`;
}

/** Tell how many runs are behind a point, and how many of all were lost. */
function runsInWords(table, numbers, place) {
  const lost = Object.entries(table.lost ?? {}).filter(([, counts]) => counts[place] > 0);
  return [
    `${numbers.n[place].toLocaleString("en-GB")}`,
    ...lost.map(([name, counts]) => `${counts[place]} ${name}`),
  ].join(", ");
}
