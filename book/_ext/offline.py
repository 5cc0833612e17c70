"""Keep the pages free of anything that would reach for the network, and describe each page in one sentence.

Jupyter Book 1 always loads `sphinx-thebe`, which names a CDN in every page and declares its constants twice on
the search page, and `sphinx-comments`; neither is used here, so what they registered is taken back.
"""

from __future__ import annotations

import html

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

DROPPED = ("sphinx_thebe", "sphinx_comments")
DESCRIPTION_LENGTH = 160  # characters; search engines and link previews cut near here


def _drop(app: Sphinx, config: Config) -> None:
    for listeners in app.events.listeners.values():
        listeners[:] = [one for one in listeners if not (one.handler.__module__ or "").startswith(DROPPED)]
    app.registry.css_files = [(name, kw) for name, kw in app.registry.css_files if "thebe" not in name]
    app.registry.js_files = [(name, kw) for name, kw in app.registry.js_files if "thebe" not in (name or "")]


def first_sentences(doctree: nodes.document, limit: int = DESCRIPTION_LENGTH) -> str:
    """Return the page's first paragraph as plain text, cut at a word to at most `limit` characters."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        if len(text) > 40:
            return text if len(text) <= limit else text[:limit].rsplit(" ", 1)[0] + " …"
    return ""


def _describe(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    if doctree is None or 'name="description"' in context.get("metatags", ""):
        return
    if text := first_sentences(doctree):
        tag = f'<meta name="description" content="{html.escape(text, quote=True)}" />\n'
        context["metatags"] = context.get("metatags", "") + tag


def setup(app: Sphinx) -> dict[str, object]:
    """Connect late, when the extensions to be taken back have registered everything."""
    app.connect("config-inited", _drop, priority=900)
    app.connect("html-page-context", _describe)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
