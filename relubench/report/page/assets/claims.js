// The claim finder: which of the listed claims have a word, a kind, a verdict, an experiment and a source.

function findClaims(form, list, status) {
  const claims = [...list.querySelectorAll("details")].map((element) => ({
    element,
    words: `${element.querySelector("summary").textContent} ${element.querySelector("p").textContent}`.toLowerCase(),
    sources: element.dataset.source.split(", "),
  }));
  const filter = () => {
    const wanted = Object.fromEntries(new FormData(form));
    const words = wanted.words.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = ({ element, words: text, sources }) =>
      ["kind", "verdict", "experiment"].every((name) => ["", element.dataset[name]].includes(wanted[name])) &&
      ["", ...sources].includes(wanted.source) &&
      words.every((word) => text.includes(word));
    claims.forEach((claim) => (claim.element.hidden = !fits(claim)));
    const shown = claims.filter(({ element }) => !element.hidden).length;
    const none = "None has all of this: try fewer words, or show all.";
    status.textContent = `${shown} of ${claims.length} statements. ${shown ? "" : none}`.trimEnd();
  };
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target || !list.contains(target)) return;
    form.reset();
    filter();
    target.open = true;
    target.scrollIntoView();
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(filter));
  addEventListener("hashchange", reveal);
  filter();
  reveal();
}
