"""Make one HTML file that needs no other, for screens and for paper: of Markdown, or of what a template wrote. Pure."""

from collections.abc import Callable, Mapping
from html import escape
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from drx.reports.text import visible


def page(title: str, markdown: str) -> str:
    """Give the whole page. What was harmless Markdown is harmless HTML: tags in it stay text."""
    from markdown_it import MarkdownIt

    converter = MarkdownIt("commonmark", {"html": False}).enable("table")
    return sheet(title, converter.render(markdown), "page.css")


def sheet(title: str, content: str, *styles: str, refresh_seconds: int | None = None) -> str:
    """Give a page around content that is HTML already; `styles` are names of files beside the templates.

    With `refresh_seconds`, a browser loads it anew that often.
    """
    refresh = f'<meta http-equiv="refresh" content="{refresh_seconds}">\n' if refresh_seconds else ""
    templates = files("drx.reports") / "templates"
    style = "".join((templates / name).read_text(encoding="utf-8") for name in styles)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"{refresh}<title>{escape(visible(title))}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f"{content}</main>\n</body>\n</html>\n"
    )


def html_templates(filters: Mapping[str, Callable[..., object]]) -> Environment:
    """Give templates of HTML in which every value is escaped and made visible unless it is HTML already."""
    environment = Environment(
        loader=PackageLoader("drx.reports"),
        undefined=StrictUndefined,
        autoescape=True,
        finalize=lambda value: value if isinstance(value, Markup) else visible(str(value)),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= dict(filters)
    return environment
