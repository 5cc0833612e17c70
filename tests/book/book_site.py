"""Reading a built book as files: its pages, what they link to, and what a page must have."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ELSEWHERE = ("http:", "https:", "mailto:", "data:", "javascript:")


@dataclass
class Page(HTMLParser):
    """One page: its anchors, its links, what it loads, and what is missing."""

    path: Path
    ids: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()
        self.feed(self.path.read_text("utf-8"))
        for needed in ("html lang", "title", "description", "icon"):
            if needed not in self.seen:
                self.wrong.append(f"has no {needed}")
        self.wrong += [f"loads {url} from elsewhere" for url in self.loads if url.startswith(("http", "//"))]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "id" in given:
            self.ids.add(given["id"])
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in ("script", "img", "iframe", "source") and given.get("src"):
            self.loads.append(given["src"])
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preload", "shortcut icon"):
            self.loads.append(given["href"])
        if tag == "img" and not given.get("alt", "").strip():
            self.wrong.append(f"shows {given.get('src', '')[:60]} without words for those who cannot see it")
        self.seen |= {
            what
            for what, there in {
                "html lang": tag == "html" and given.get("lang") == "en",
                "title": tag == "title",
                "description": tag == "meta" and given.get("name") == "description" and given.get("content"),
                "icon": tag == "link" and "icon" in given.get("rel", ""),
            }.items()
            if there
        }


def pages(root: Path) -> dict[Path, Page]:
    """Read all pages of a book by their path."""
    found = (path for path in sorted(root.rglob("*.html")) if "_static" not in path.relative_to(root).parts)
    return {path: Page(path) for path in found}


def faults(root: Path) -> list[str]:
    """Return, as sentences, every dead link and every page that lacks what a page must have."""
    book = pages(root)
    found = []
    for path, page in book.items():
        name = path.relative_to(root).as_posix()
        generated = name in ("genindex.html", "search.html")  # pages without text have nothing to describe
        found += [f"{name} {what}" for what in page.wrong if not (generated and what == "has no description")]
        for link in (*page.links, *page.loads):
            if link.startswith(ELSEWHERE) or link in ("", "#"):
                continue
            parts = urlsplit(link)
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                found.append(f"{name} links to {link}, which is not there")
            elif parts.fragment and target in book and unquote(parts.fragment) not in book[target].ids:
                found.append(f"{name} links to {link}, but that page has no such place")
    return found
