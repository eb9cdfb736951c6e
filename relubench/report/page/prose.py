"""Markdown as a part of the page: headings one level down, pictures in the page itself, links that lead somewhere."""

from __future__ import annotations

import base64
import mimetypes
import re
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

#: Bytes of pictures that the page takes; those after them are told in words.
PICTURES = 1_000_000
_ANCHOR = re.compile(r'<a id="([\w-]+)"></a>|<a id="([\w-]+)">')
_DEEPEST = 6
#: The pages beside the answer whose contents the page has, and where.
SECTIONS = {"claims.md": "claims", "published.md": "claims"}


def html(markdown: str, folder: Path, anchors: Collection[str] = ()) -> str:
    """Return a text as HTML for the page.

    Its pictures are sought from `folder` on. A link to a page of `SECTIONS` leads to what the page here has of it; one
    into a page leads to what it names, where this is among the `anchors`, else it is text. Of HTML in the text only
    anchors stay.
    """
    parser = MarkdownIt("commonmark").enable("table")
    tokens = parser.parse(markdown)
    there = {*anchors, *(name for match in _ANCHOR.findall(markdown) for name in match if name)}
    room = PICTURES
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + 1, _DEEPEST)}"
        elif token.type == "html_block":
            token.content = _only_anchors(token.content)
        elif token.children:
            room = _pictures(token.children, folder, room)
            token.children = list(_links(token.children, there))
    return _with_scrolling_tables(parser.renderer.render(tokens, parser.options, {}))


def _with_scrolling_tables(page: str) -> str:
    """Put each table in a region that scrolls by itself, and that keys can reach: it may be wider than a phone."""
    before, *tables = page.split("<table>")
    opened = (
        f'<div class="scroll" tabindex="0" role="region" aria-label="table {number} of the answer"><table>{table}'
        for number, table in enumerate(tables, 1)
    )
    return before + "".join(opened).replace("</table>", "</table></div>")


def _only_anchors(text: str) -> str:
    return "".join(f'<a id="{one or other}"></a>' for one, other in _ANCHOR.findall(text))


def _pictures(tokens: Sequence[Token], folder: Path, room: int) -> int:
    """Put pictures into the tokens, in words where there is no room or no file; return the room that is left."""
    for token in tokens:
        if token.type != "image":
            continue
        path = folder / str(token.attrs["src"])
        kind, _ = mimetypes.guess_type(path.name)
        size = path.stat().st_size if path.is_file() else room + 1
        if kind is None or size > room:
            token.type, token.content, token.children = "text", f"[{token.content}]", None
        else:
            room -= size
            token.attrs["src"] = f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"
    return room


def _links(tokens: Sequence[Token], there: Collection[str]) -> Iterator[Token]:
    """Yield the tokens, links mended or left out with their text kept."""
    kept: list[bool] = []  # of the links that are open
    for token in tokens:
        if token.type == "link_open":
            target = _target(str(token.attrs["href"]), there)
            kept.append(target is not None)
            if target is None:
                continue
            token.attrs["href"] = target
        elif token.type == "link_close" and not kept.pop():
            continue
        elif token.type == "html_inline":
            token.content = _only_anchors(token.content)
        yield token


def _target(link: str, there: Collection[str]) -> str | None:
    """Return where a link leads on the page, or elsewhere; None where it leads nowhere."""
    if re.match("https?:", link):
        return link
    page, _, fragment = link.partition("#")
    if fragment:
        return f"#{fragment}" if fragment in there else None
    return f"#{SECTIONS[page]}" if page in SECTIONS else None
