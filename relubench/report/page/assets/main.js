// What happens when the page is opened: figures are drawn when they come near.

const byId = (id) => document.getElementById(id);

startTheme(byId("theme"));
findClaims(byId("finder"), byId("claim-list"), byId("found"));
const page = await unpack(byId("numbers").textContent);

/** Draw an element's figure when it is nearly in view. */
function whenNear(element, drawIt) {
  const observer = new IntersectionObserver(
    (entries) => {
      if (!entries.some((entry) => entry.isIntersecting)) return;
      observer.disconnect();
      drawIt();
    },
    { rootMargin: "600px" },
  );
  observer.observe(element);
}

const rated = page.studies.filter((study) => study.explorer);
const favourite = rated.findIndex((study) => study.name === "learning_rate");
if (favourite > 0) rated.unshift(...rated.splice(favourite, 1));
if (rated.length > 0) whenNear(byId("explorer"), () => explore(byId("explorer"), rated));
page.studies.forEach((study, place) => {
  const element = byId(`figure-${place}`);
  whenNear(element, () => figure(element, study));
  if (study.animation) whenNear(byId(`lines-${place}`), () => animate(byId(`lines-${place}`), study.animation));
});

let width = innerWidth;
let waiting;
addEventListener("resize", () => {
  if (innerWidth === width) return; // a phone's bars come and go
  width = innerWidth;
  clearTimeout(waiting);
  waiting = setTimeout(() => redraws.forEach((redraw) => redraw()), 200);
});
