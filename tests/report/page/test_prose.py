"""Markdown on the page: what it becomes, and what of it stays out."""

import base64

import pytest

from relubench.report.page import prose

ANCHORS = {"bias-6-a-large-bias", "sizes-22-hope"}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "small.png").write_bytes(b"\x89PNG small")
    (tmp_path / "large.png").write_bytes(bytes(prose.PICTURES))
    return tmp_path


CASES = {
    "# Title": "<h2>Title</h2>",
    "###### Deepest": "<h6>Deepest</h6>",
    "[6](claims.md#bias-6-a-large-bias)": '<p><a href="#bias-6-a-large-bias">6</a></p>',
    "[7](claims.md#elsewhere) here": "<p>7 here</p>",
    "[all](claims.md)": '<p><a href="#claims">all</a></p>',
    "[words](definitions.md)": "<p>words</p>",
    "[**bold** words](x.md)": "<p><strong>bold</strong> words</p>",
    "[paper](https://example.org/a)": '<p><a href="https://example.org/a">paper</a></p>',
    "[there](#own)\n\n<a id=\"own\"></a>": '<p><a href="#own">there</a></p>\n<p><a id="own"></a></p>',
    "a <b onclick=\"x()\">bold</b> word": "<p>a bold word</p>",
    "<script>alert(1)</script>": "",
    "[x](javascript:alert(1))": "<p>[x](javascript:alert(1))</p>",
    "![gone](nowhere.png)": "<p>[gone]</p>",
}  # fmt: skip


@pytest.mark.parametrize("markdown", CASES)
def test_markdown_becomes_html_of_the_page(folder, markdown):
    assert prose.html(markdown, folder, ANCHORS).strip() == CASES[markdown]


def test_pictures_are_in_the_page_while_there_is_room(folder):
    page = prose.html("![a *small* one](small.png)\n\n![a large one](large.png)", folder)
    data = base64.b64encode(b"\x89PNG small").decode()
    assert page == f'<p><img src="data:image/png;base64,{data}" alt="a small one" /></p>\n<p>[a large one]</p>\n'
    assert "data:" in prose.html("![alone](large.png)", folder)


def test_a_table_scrolls_by_itself_and_can_be_reached_by_keys(folder):
    page = prose.html("| a |\n|---|\n\nwords\n\n| b |\n|---|", folder)
    table = "<table>\n<thead>\n<tr>\n<th>{}</th>\n</tr>\n</thead>\n</table>"
    opened = '<div class="scroll" tabindex="0" role="region" aria-label="table {} of the answer">'
    first, second = (opened.format(n) + table.format(name) + "</div>\n" for n, name in ((1, "a"), (2, "b")))
    assert page == f"{first}<p>words</p>\n{second}"
