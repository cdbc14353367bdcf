"""Read a page as a browser would: its tags, whether they are closed, and what it refers to."""

from html.parser import HTMLParser

VOID = frozenset({"meta", "br", "hr", "img", "link", "input"})
PAGE = ("html", "head", "meta", "title", "style", "body", "main", "header", "section", "h1", "h2", "h3", "p", "pre")
WORDS = ("ul", "li", "dl", "dt", "dd", "figure", "figcaption", "table", "thead", "tbody", "tr", "th", "td", "div")
PICTURES = ("span", "strong", "code", "svg", "defs", "rect", "path", "text", "circle")
KNOWN = frozenset({*PAGE, *WORDS, *PICTURES})
"""Every tag that drx writes; a tag that foreign text brought in would be another, or have other attributes."""
NAMED = ("lang", "charset", "name", "content", "class", "scope", "tabindex", "role", "aria-label", "xmlns")
DRAWN = (
    "xmlns:xlink",
    "width",
    "height",
    "viewbox",
    "x",
    "y",
    "d",
    "cx",
    "cy",
    "r",
    "rx",
    "font-size",
    "text-anchor",
    "fill",
)
ATTRIBUTES = frozenset({*NAMED, *DRAWN})


class Reader(HTMLParser):
    """Notes every tag, and what is wrong with them."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.wrong: list[str] = []
        self.text: list[str] = []
        self._open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in KNOWN:
            self.wrong.append(f"<{tag}>")
        self.wrong += [f"<{tag} {name}>" for name, _ in attrs if name not in ATTRIBUTES]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.wrong.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(page: str) -> Reader:
    """Read a whole page."""
    reader = Reader()
    reader.feed(page)
    reader.close()
    reader.wrong += [f"<{tag}> stays open" for tag in reader._open]
    return reader


def well_formed(page: str) -> bool:
    """Whether every tag and attribute is one that drx writes, and each is closed in its place."""
    return not read(page).wrong
