"""Write what a site is made of into a folder: the pages of docs/, those that are made from the code, and mkdocs.yml.

python -m docs.reference build
"""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import yaml

from docs.reference import pages
from docs.reference.kept import kept

DOCS = Path(__file__).resolve().parents[1]
CONFIG = "mkdocs.yml"
HOME = {"README.md": "index.md"}
"""What stands in the site for a file outside docs/."""
PICTURES = ["stages/page/icon.svg"]


def write(build: Path) -> None:
    """Make `docs` in the folder anew, and the configuration beside it."""
    folder = build / "docs"
    shutil.rmtree(folder, ignore_errors=True)
    for file in sorted(DOCS.rglob("*")):
        if file.is_file() and file.suffix not in (".py", ".pyc"):
            target = folder / file.relative_to(DOCS)
            target.parent.mkdir(parents=True, exist_ok=True)
            if file.suffix == ".md":
                target.write_text(_moved(file.read_text("utf-8"), file, folder), "utf-8")
            else:
                shutil.copyfile(file, target)
    for name, text in pages().items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
    for picture in PICTURES:
        shutil.copy(DOCS.parent / picture, folder)
    config = yaml.safe_load((DOCS.parent / CONFIG).read_text("utf-8"))
    config["nav"] = _nav(config["nav"], folder)
    (build / CONFIG).write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), "utf-8")


def _nav(entries: list[Any], folder: Path) -> list[Any]:
    """The navigation with every glob replaced by what it finds beside what is named already."""
    out: list[Any] = []
    for entry in entries:
        if isinstance(entry, dict):
            out += [{k: _nav(v, folder) if isinstance(v, list) else v} for k, v in entry.items()]
        elif "*" in entry:
            there = sorted(str(file.relative_to(folder)) for file in folder.glob(entry))
            out += [path for path in there if path not in out]
        else:
            out.append(entry)
    return out


def _moved(text: str, page: Path, folder: Path) -> str:
    """A page whose links to files outside docs/ lead to copies of them: pictures, and the README's page."""

    def moved(link: re.Match[str]) -> str:
        file = (page.parent / link[1]).resolve()
        outside = os.path.relpath(file, DOCS.parent)
        if file.is_relative_to(DOCS):
            return link[0]
        if outside in HOME:
            return f"]({HOME[outside]}{link[2] or ''})"
        copy = folder / "outside" / outside
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, copy)
        return f"]({os.path.relpath(copy, folder / page.parent.relative_to(DOCS))}{link[2] or ''})"

    return re.sub(r"\]\((\.\.[^)#\s]*)(#[^)\s]*)?\)", moved, text)


if __name__ == "__main__":
    for kept_file, current in kept().items():
        kept_file.write_text(current, "utf-8")
    write(Path(sys.argv[1]))
