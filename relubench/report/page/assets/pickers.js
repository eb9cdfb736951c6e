// Choices: elements with which a reader picks one value of each direction.

/** Return a labelled select; `options` are texts, or [group, texts] pairs whose places count through. */
function select(label, options, chosen, change, able = () => true) {
  const list = make("select", { name: label, onchange: () => change(Number(list.value)) });
  let place = 0;
  const option = (text) => {
    const made = make("option", { value: String(place), selected: place === chosen, disabled: !able(place) }, text);
    place += 1;
    return made;
  };
  for (const each of options) {
    list.append(Array.isArray(each) ? make("optgroup", { label: each[0] }, ...each[1].map(option)) : option(each));
  }
  return make("label", { className: "choice" }, make("span", {}, label), list);
}

/** Return a labelled box to tick. */
function box(name, label, checked, change, disabled = false) {
  const input = make("input", { type: "checkbox", name, checked, disabled, onchange: () => change(input.checked) });
  return make("label", { className: "box" }, input, ...label);
}

/**
 * Return the points that are left when one value of each direction ({key, title, titles, at: of each point}) is picked
 * after the other, and for each direction the values that were there to pick. What `picked` has that is not there is
 * put right.
 */
function settle(directions, picked, points) {
  let left = points;
  const there = directions.map(({ key, at }) => {
    const values = new Set(left.map((place) => at[place]));
    if (!values.has(picked[key])) picked[key] = Math.min(...values);
    left = left.filter((place) => at[place] === picked[key]);
    return values;
  });
  return { left, there };
}

/** Return a select for each direction, in which what is not there cannot be picked. */
function pickers(directions, picked, there, change) {
  return directions.map(({ key, title, titles }, number) => {
    const pick = (value) => {
      picked[key] = value;
      change();
    };
    return select(title, titles, picked[key], pick, (value) => there[number].has(value));
  });
}

/** Put other children into an element; the control that had the focus keeps it. */
function renew(element, children) {
  const focused = element.contains(document.activeElement) ? document.activeElement.name : null;
  element.replaceChildren(...children);
  if (focused) element.querySelector(`[name="${CSS.escape(focused)}"]`)?.focus();
}
