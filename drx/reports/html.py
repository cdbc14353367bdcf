"""Turn the Markdown of a document into one HTML file that needs no other: for screens and for paper. Pure."""

from html import escape
from importlib.resources import files

from markdown_it import MarkdownIt


def page(title: str, markdown: str) -> str:
    """Give the whole page. What was harmless Markdown is harmless HTML: tags in it stay text."""
    converter = MarkdownIt("commonmark", {"html": False}).enable("table")
    templates = files("drx.reports") / "templates"
    style = (templates / "page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f"{converter.render(markdown)}</main>\n</body>\n</html>\n"
    )
