// Tables: the same numbers as in a picture, for who reads rather than looks.

/** Return a table with these heads and rows of text, in a region that scrolls by itself and can be reached by keys. */
function tableOf(caption, heads, rows) {
  const cell = (tag, scope) => (text) => make(tag, scope ? { scope } : {}, text);
  const body = rows.map(([first, ...others]) => make("tr", {}, cell("th", "row")(first), ...others.map(cell("td"))));
  const table = make(
    "table",
    {},
    make("caption", {}, caption),
    make("thead", {}, make("tr", {}, ...heads.map(cell("th", "col")))),
    make("tbody", {}, ...body),
  );
  return make("div", { className: "scroll", tabIndex: 0, role: "region", "aria-label": caption }, table);
}

/** Return a part that opens to a table, made when it is first opened and again when `refresh` is called. */
function asTable(makeTable) {
  const details = make("details", { className: "as-table" }, make("summary", {}, "Show as table"));
  const fill = () => {
    details.querySelector(".scroll")?.remove();
    if (details.open) details.append(makeTable());
  };
  details.addEventListener("toggle", fill);
  return { details, refresh: fill };
}
