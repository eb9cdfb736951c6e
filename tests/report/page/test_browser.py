"""The page in a real browser: its controls do what they say, by pointer and by keys, and nothing complains."""

import itertools
import re
import shutil

import polars as pl
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")]
DEAD = "dead_train_fraction"


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(chromium, results):
    """Return a function that opens the page; whatever the browser complains of, or asks for, fails the test."""
    complaints, pages = [], []

    def open_page(anchor="", **options):
        page = chromium.new_page(**{"viewport": {"width": 1280, "height": 900}, **options})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: request.url.startswith("http") and complaints.append(request.url))
        page.set_default_timeout(20_000)
        page.goto(f"{(results / 'report.html').as_uri()}{anchor}")
        pages.append(page)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert complaints == []


@pytest.fixture(scope="module")
def summary(results):
    return pl.read_parquet(results / "learning_rate/summary.parquet")


def check_share(words, share):
    """Check that a text has a share in per cent, rounded to the digits that it has."""
    digits = words.removesuffix(" %").partition(".")[2]
    assert float(words.removesuffix(" %")) == pytest.approx(100 * share, abs=0.51 * 10 ** -len(digits))


def shares(summary, activation, metric=DEAD):
    """Return the means of an activation over the rates, ascending."""
    rows = summary.filter(pl.col("metric") == metric, pl.col("model.activation.name") == activation)
    return rows.sort("optimizer.learning_rate")["mean"].to_list()


def figure_of(page, name):
    """Return the figure of an experiment, drawn."""
    section = page.locator("section.panel", has_text=re.compile(f"{name}, [0-9]+ runs"))
    section.scroll_into_view_if_needed()
    section.locator(".figure svg.marks").wait_for()
    return section


def test_the_explorer_shows_the_numbers_of_the_rate_it_is_moved_to(opened, summary):
    page = opened()
    slider, card = page.get_by_role("slider", name="learning rate"), page.locator(f".card.{DEAD} strong")
    slider.focus()
    page.keyboard.press("Home")
    for share in shares(summary, "relu"):
        if share is None:  # every run diverged
            assert card.count() == 0
        else:
            check_share(card.inner_text(), share)
        page.keyboard.press("ArrowRight")
    assert page.locator(".card.diverged strong").inner_text() == "100 %"
    assert "Learning rate 1.00e+38" in page.locator("#explorer [role=status]").inner_text()
    assert slider.get_attribute("aria-valuetext") == "1.00e+38"


def test_the_explorer_shows_the_layers_and_other_networks(opened, summary):
    page = opened()
    page.get_by_role("slider", name="learning rate").focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.locator(".layer").count() == 2
    assert page.locator(".layer").first.locator("i").count() == 16
    dead = page.locator(".layer i.dead").count()
    assert dead == pytest.approx(32 * shares(summary, "relu")[1], abs=1)  # each layer is rounded to a unit
    page.locator("#explorer").get_by_role("combobox", name="activation").select_option(label="ELU")
    for metric in (DEAD, "test_accuracy"):
        check_share(page.locator(f".card.{metric} strong").inner_text(), shares(summary, "elu", metric)[1])


def test_levels_are_switched_off_and_on_by_keys(opened):
    figure = figure_of(opened(), "learning_rate")
    lines = figure.locator(".chart svg .mark-line path")
    both = lines.count()
    assert both > 0
    box = figure.get_by_role("checkbox", name="ELU", exact=True)
    box.focus()
    box.press("Space")
    expect(lines).to_have_count(both // 2)
    expect(box).not_to_be_checked()
    expect(box).to_be_focused()
    assert "activation: ReLU." in figure.get_by_role("status").inner_text()
    box.press("Space")
    expect(lines).to_have_count(both)


def test_a_point_tells_its_value_interval_and_runs(opened, summary):
    figure = figure_of(opened(), "learning_rate")
    first = figure.locator(".chart svg [aria-label^='learning rate 3 · activation ReLU']").first
    first.scroll_into_view_if_needed()
    first.hover(force=True)
    rows = summary.filter(pl.col("metric") == DEAD, pl.col("model.activation.name") == "relu")
    row = rows.sort("optimizer.learning_rate").row(2, named=True)
    tip = figure.page.locator("#vg-tooltip-element.visible")
    expect(tip).to_be_visible()
    told = dict(zip(*(tip.locator(f"td.{kind}").all_inner_texts() for kind in ("key", "value")), strict=True))
    check_share(told["value"].removeprefix("dead units "), row["mean"])
    for words, end in zip(told["95 %"].split(" to "), (row["ci_low"], row["ci_high"]), strict=True):
        check_share(words, end)
    assert told["runs"] == f"5, {row['n_collapsed']} collapsed"


def test_each_runs_value_is_there_on_demand(opened, results):
    figure = figure_of(opened(), "learning_rate")
    marks = figure.locator(".chart svg .mark-symbol path")
    before = marks.count()
    figure.get_by_label("Each run").check()
    runs = pl.read_parquet(results / "learning_rate/runs.parquet")
    finite = runs.filter(pl.col(DEAD).is_not_null())
    expect(marks).to_have_count(before + finite.height)
    figure.get_by_text("Show as table").click()
    cells = figure.locator(".figure tbody tr").first.locator("td").last.inner_text().split(", ")
    here = runs.filter(pl.col("optimizer.learning_rate") == 0.03, pl.col("model.activation.name") == "relu")
    assert len(cells) == 5
    for cell, value in zip(cells, here.sort("seed")[DEAD], strict=True):
        check_share(cell, value)


def test_the_table_has_the_numbers_of_what_is_chosen(opened, summary):
    figure = figure_of(opened(), "learning_rate")
    figure.get_by_label("Metric").select_option(label="test accuracy")
    figure.get_by_label("Lines").select_option(label="none")
    figure.get_by_role("combobox", name="activation").select_option(label="ELU")
    figure.get_by_text("Show as table").click()
    rows = figure.locator(".figure tbody tr")
    expect(rows.locator("th")).to_have_text(["0.03", "0.3", "3", "1e38"])
    for row, share in zip(rows.all(), shares(summary, "elu", "test_accuracy"), strict=True):
        words = row.locator("td").first.inner_text()
        assert words == "–" if share is None else check_share(words, share) is None
    expect(figure.locator(".figure-title")).to_have_text("test accuracy")


@pytest.mark.parametrize("name", ["learning_rate", "boundaries"])
def test_every_metric_can_be_drawn(opened, results, name):
    figure = figure_of(opened(), name)
    metrics = figure.locator("select[name=Metric]")
    groups = metrics.locator("optgroup").evaluate_all("all => all.map((group) => [group.label, group.children.length])")
    curves = pl.read_parquet(results / name / "curves.parquet")["metric"].unique()
    drawn_apart = 6 if name == "boundaries" else 0  # inputs and lines
    assert dict(groups)["during training"] == len(curves) - drawn_apart
    for number in range(sum(count for _, count in groups)):
        before = figure.locator(".chart svg.marks, .chart .note").first.element_handle()
        metrics.select_option(value=str(number))
        before.wait_for_element_state("hidden")
        expect(figure.locator(".chart svg.marks, .chart .note")).to_be_visible()
        title = metrics.locator("option:checked").inner_text()
        assert figure.get_by_role("status").last.inner_text().startswith(title)


def test_the_claim_finder_finds(opened, results):
    claims = pl.read_parquet(results / "report.parquet").unique(["claim", "statement", "statistic"])
    page = opened()
    shown = page.locator("#claim-list details:visible")
    assert shown.count() == claims.height
    page.get_by_role("searchbox").fill("40 % network")
    assert 0 < shown.count() < claims.height
    for text in shown.locator("summary").all_inner_texts():
        assert "40 %" in text
    page.get_by_role("button", name="Show all").click()
    expect(shown).to_have_count(claims.height)
    verdict, count = claims["claim_verdict"].value_counts().sort("count").row(0)
    finder = page.get_by_role("search")
    finder.get_by_label("Verdict").select_option(label=verdict)
    assert shown.count() == count
    expect(page.locator("#found")).to_have_text(f"{count} of {claims.height} statements.")
    finder.get_by_label("Experiment").select_option(label="boundaries")
    there = claims.filter(pl.col("claim_verdict") == verdict, pl.col("experiment") == "boundaries").height
    assert shown.count() == there
    page.get_by_role("button", name="Show all").click()
    finder.get_by_label("Source").select_option(label="question")
    sources = claims.filter(pl.col("source").str.split(", ").list.contains("question"))
    expect(shown).to_have_count(sources.height)
    page.get_by_role("searchbox").fill("dropout")
    expect(page.locator("#found")).to_contain_text(f"0 of {claims.height} statements. None has all of this")


def test_a_link_to_a_claim_opens_it(opened):
    page = opened("")
    linked = page.locator("#answer td a").last.get_attribute("href")
    page = opened(linked)
    expect(page.locator(linked)).to_have_attribute("open", "")
    figure_of(page, "learning_rate")  # whatever is drawn above
    page.evaluate("scrollTo(0, 0)")
    page.evaluate(f"location.hash = ''; location.hash = '{linked}'")
    expect(page.locator(f"{linked} summary")).to_be_in_viewport()


def test_the_theme_is_the_systems_until_the_button_says_otherwise(opened):
    colour = "getComputedStyle(document.body).backgroundColor"
    light, dark = opened(), opened(color_scheme="dark")
    assert light.evaluate(colour) != dark.evaluate(colour)
    button = light.get_by_role("button", name="Dark theme")
    expect(button).to_have_attribute("aria-pressed", "false")
    button.press("Enter")
    expect(button).to_have_attribute("aria-pressed", "true")
    assert light.evaluate(colour) == dark.evaluate(colour)


def test_the_lines_move_with_the_slider_and_the_button(opened, results):
    page = opened()
    figure = figure_of(page, "boundaries")
    slider, words = figure.get_by_role("slider", name="probe"), figure.locator(".lines [role=status]")
    assert words.inner_text().startswith("Step 0: ")
    lines = figure.locator("svg.scene path.unit")
    assert lines.count() == 3 * 16  # a line, an arrow, and its head
    before = lines.first.get_attribute("d")
    slider.press("End")
    runs = pl.read_parquet(results / "boundaries/runs.parquet").filter(pl.col("factor.bias") == "trained").sort("seed")
    assert words.inner_text().startswith(f"Step 60: {runs['dead_train'][0]} of 16 units dead")
    assert figure.locator("svg.scene path.dead").count() == 3 * runs["dead_train"][0]
    assert lines.first.get_attribute("d") != before
    figure.get_by_role("button", name="Play").press("Enter")
    expect(words).to_contain_text("Step 0:")
    expect(words).not_to_contain_text("Step 0:")
    figure.get_by_role("button", name="Pause").press("Enter")
    expect(figure.get_by_role("button", name="Play")).to_be_visible()


def test_nothing_moves_by_itself_where_motion_is_unwelcome(opened):
    figure = figure_of(opened(reduced_motion="reduce"), "boundaries")
    expect(figure.get_by_role("slider", name="probe")).to_be_visible()
    expect(figure.get_by_role("button", name="Play")).to_be_hidden()


def test_a_phone_shows_all_without_scrolling_sideways(opened):
    page = opened(viewport={"width": 390, "height": 800})
    for name in ("boundaries", "learning_rate"):
        figure_of(page, name)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    wide = page.locator("svg.marks").evaluate_all("all => all.map((each) => each.getBoundingClientRect().right)")
    assert max(wide) <= 390


def test_without_scripts_the_answer_and_the_claims_are_there(opened):
    page = opened(java_script_enabled=False)
    assert page.locator("#answer h2").count() == 1
    assert page.locator("#claim-list details").first.is_visible()
    assert page.locator("noscript p").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_is_accessible(opened, scheme):
    page = opened(color_scheme=scheme)
    for name in ("boundaries", "learning_rate"):
        figure_of(page, name)
    for summary in page.locator("details.as-table > summary").all():
        summary.click()
    page.evaluate("document.querySelectorAll('#claim-list details').forEach((claim) => (claim.open = true))")
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    headings = page.locator("h1, h2, h3, h4, h5").evaluate_all("all => all.map((each) => Number(each.tagName[1]))")
    assert headings[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(headings))
