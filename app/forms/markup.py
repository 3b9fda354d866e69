"""Texts of a form as safe HTML: a little Markdown, or HTML with everything that is not plain text taken out."""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser

_TAGS = frozenset(
    {"p", "br", "b", "strong", "i", "em", "u", "ul", "ol", "li", "a", "small", "blockquote", "hr"}
    | {f"h{n}" for n in range(1, 7)}
)
_VOID = frozenset({"br", "hr"})
_SILENT = frozenset({"script", "style", "iframe", "object", "template", "svg", "math"})
_LINK = re.compile(r"(https?:|mailto:|tel:|/(?!/))", re.IGNORECASE)


def from_markdown(source: str) -> tuple[str, tuple[str, ...]]:
    """Headings, lists, bold, italics and links of Markdown as HTML; everything else is text. Drops nothing."""
    blocks: list[str] = []
    for chunk in re.split(r"\n\s*\n", source.replace("\r\n", "\n").strip()):
        lines = chunk.split("\n")
        heading = re.fullmatch(r"(#{1,6})\s+(.*)", lines[0])
        if heading:
            level = min(6, len(heading[1]) + 2)  # the page itself has h1 and h2
            blocks.append(f"<h{level}>{_inline(heading[2])}</h{level}>")
            lines = lines[1:]
        for mark, tag in ((r"[-*]\s+", "ul"), (r"\d{1,3}[.)]\s+", "ol")):
            if lines and all(re.match(mark, line) for line in lines):
                items = "".join(f"<li>{_inline(re.sub('^' + mark, '', line))}</li>" for line in lines)
                blocks.append(f"<{tag}>{items}</{tag}>")
                lines = []
        if lines:
            blocks.append("<p>" + "<br>".join(_inline(line) for line in lines) + "</p>")
    return ("".join(blocks) if source.strip() else ""), ()


def _inline(line: str) -> str:
    text = escape(line.strip())
    text = re.sub(r"\*\*([^*]+)\*\*", r"<strong>\1</strong>", text)
    text = re.sub(r"(?<![\w*])[*_]([^*_]+)[*_](?![\w*])", r"<em>\1</em>", text)

    def link(match: re.Match[str]) -> str:
        return f'<a href="{match[2]}">{match[1]}</a>' if _LINK.match(match[2]) else match[0]

    return re.sub(r"\[([^\]]+)\]\(([^)\s]+)\)", link, text)


def from_html(source: str) -> tuple[str, tuple[str, ...]]:
    """The HTML with plain tags only, and the names of the tags that were dropped."""
    cleaner = _Cleaner()
    cleaner.feed(source)
    cleaner.close()
    return "".join(cleaner.out) + "".join(f"</{tag}>" for tag in reversed(cleaner.open)), tuple(sorted(cleaner.dropped))


class _Cleaner(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.out: list[str] = []
        self.open: list[str] = []
        self.silent: list[str] = []
        self.dropped: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self.silent.append(tag)
        if tag not in _TAGS:
            if tag not in ("div", "span"):
                self.dropped.add(tag)
            return
        if self.silent:
            return
        href = next((value or "" for name, value in attrs if name == "href"), "") if tag == "a" else ""
        self.out.append(f'<{tag} href="{escape(href)}">' if href and _LINK.match(href) else f"<{tag}>")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self.silent:
            self.silent.remove(tag)
        elif not self.silent and tag in self.open:
            while (last := self.open.pop()) != tag:
                self.out.append(f"</{last}>")
            self.out.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.out.append(escape(data))
