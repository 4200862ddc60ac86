"""Hook of MkDocs: adds the pages that stand beside what they describe to the site.

Links between pages are those of the repository, so that they work there as well. A link
to a file that is no page becomes its text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changes.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "recipes/README.md": "recipes.md",
    "benchmarks/README.md": "benchmarks.md",
    "data/README.md": "data.md",
}
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)#\s]*)(#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages, each with its path in the repository."""
    cards = {
        card.relative_to(ROOT).as_posix(): f"models/{card.parent.name}.md"
        for card in sorted(ROOT.glob("data/models/*/README.md"))
    }
    pages = {f"docs/{file.src_uri}": file.src_uri for file in files}
    for path, place in {**OUTSIDE, **cards}.items():
        if (ROOT / path).is_file():
            files.append(File.generated(config, place, abs_src_path=str(ROOT / path)))
            pages[path] = place
    config["extra"]["pages"] = pages
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, **_: Any) -> str:
    """Turn links of the repository into links of the site."""
    pages = config["extra"]["pages"]
    places = {place: path for path, place in pages.items()}
    own = places[page.file.src_uri]

    def written(match: re.Match[str]) -> str:
        image, text, target, anchor = match.groups("")
        if not target or re.match(r"\w+:", target):
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(own), target))
        if path not in pages:
            return text
        start = posixpath.dirname(page.file.src_uri)
        place = posixpath.relpath(pages[path], start or ".")
        return f"{image}[{text}]({place}{anchor})"

    return LINK.sub(written, markdown)
