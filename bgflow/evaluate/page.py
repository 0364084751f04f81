"""The HTML page of an evaluation: one file that needs no network, with the worst cases as pictures."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

import numpy as np

from bgflow import __version__
from bgflow.evaluate.cases import Case, View
from bgflow.evaluate.evaluation import Result
from bgflow.evaluate.footage import Matte, Picture
from bgflow.evaluate.table import COLUMNS, Row, main_measure, quality

CASES = 16
WIDTH = 360  # pixels of a picture in the page
WRONG, MISSED, IGNORED = (225, 60, 50), (45, 120, 230), (128, 128, 128)

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #5d6773; --paper: #fbfbfa; --card: #fff; --line: #e2e4e8;
  --mark: #0b6bcb; --good: #1f7a3d; --bad: #b3261e }
@media (prefers-color-scheme: dark) { :root { --ink: #e7eaee; --dim: #98a2ae; --paper: #14171b; --card: #1c2026;
  --line: #30363e; --mark: #6cb2ff; --good: #6fd08c; --bad: #ff8a80 } }
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1360px; padding: 2rem 1.25rem 4rem; color: var(--ink); background: var(--paper);
  font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; margin: 0 0 .25rem } h2 { font-size: 1.15rem; margin: 2.5rem 0 .5rem }
p { color: var(--dim); margin: .25rem 0 1rem; max-width: 75ch }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 10px }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .82rem }
th, td { padding: .4rem .5rem; text-align: right; white-space: nowrap; border-top: 1px solid var(--line) }
thead th { border-top: 0; color: var(--dim); font-weight: 600 } thead th[title] { cursor: help }
td:nth-child(-n+2), th:nth-child(-n+2) { text-align: left }
tr.total td { font-weight: 600 } .good { color: var(--good) } .bad { color: var(--bad) }
.case { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .75rem; margin: .75rem 0 }
.case header { display: flex; justify-content: space-between; gap: 1rem; padding: 0 .25rem .5rem }
.case header b { color: var(--mark) }
.courses { display: grid; grid-template-columns: repeat(auto-fill, minmax(26rem, 1fr)); gap: 0 .75rem }
.strip { display: grid; grid-template-columns: repeat(4, 1fr); gap: .5rem }
.strip.six { grid-template-columns: repeat(6, 1fr) } figcaption b { float: right; color: var(--mark) }
figure { margin: 0 } figure img { display: block; width: 100%; border-radius: 6px; background: #888 }
figcaption { color: var(--dim); font-size: .8rem; padding: .25rem .25rem 0 }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; vertical-align: -.05em }
svg { display: block; width: 100%; height: auto } svg text { fill: var(--dim); font: 11px system-ui, sans-serif }
details { margin-top: .5rem; color: var(--dim) } dl { display: grid; grid-template-columns: max-content 1fr;
  gap: .15rem 1rem; font-size: .875rem } dt { font-weight: 600; color: var(--ink) } dd { margin: 0 }
@media (max-width: 640px) { .strip, .strip.six { grid-template-columns: repeat(2, 1fr) } }
"""
LINES = ("#0b6bcb", "#d9730d", "#2a9d5c", "#a13bbd", "#8a6d3b")


def page(
    title: str,
    results: Sequence[Result],
    cases: Sequence[Sequence[Case]],
    cards: Sequence[tuple[str, tuple[Row, list[Row]]]] = (),
) -> str:
    """The whole page as text; `cases` of each piece of footage, `cards` are further tables with their headings."""
    head, rows = quality(results)
    judged = " against ".join(r.candidate.text for r in results)
    parts = [
        f"<h1>{_safe(title)}</h1><p>bgflow {__version__} · {_safe(judged)}</p>",
        _table(head, rows),
        _legend([n for n in COLUMNS if any(n in r.overall for r in results)]),
        *(f"<h2>{_safe(name)}</h2>{_table(*card)}" for name, card in cards),
        _courses(results),
        _worst(results, cases),
    ]
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_safe(title)}</title><style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _table(head: Row, rows: Sequence[Row]) -> str:
    meanings = {c.title: c.meaning for c in COLUMNS.values()}
    better = {c.title: c.better for c in COLUMNS.values()}
    th = "".join(
        f'<th title="{_safe(meanings[n])}">{_safe(n)}</th>' if n in meanings else f"<th>{_safe(n)}</th>" for n in head
    )
    body = []
    for row in rows:
        cells = []
        for name, text in zip(head, row, strict=True):
            kind = _kind(text, better.get(name, 0)) if row[0] == "difference" else ""
            cells.append(f"<td{kind}>{_safe(text)}</td>")
        total = ' class="total"' if row[0] in ("overall", "difference") else ""
        body.append(f"<tr{total}>{''.join(cells)}</tr>")
    return f'<div class="scroll"><table><thead><tr>{th}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


def _kind(text: str, better: int) -> str:
    """Whether a difference is for the better."""
    if not better or not text or float(text) == 0:
        return ""
    return ' class="good"' if float(text) * better > 0 else ' class="bad"'


def _legend(names: Sequence[str]) -> str:
    terms = "".join(f"<dt>{_safe(COLUMNS[n].title)}</dt><dd>{_safe(COLUMNS[n].meaning)}</dd>" for n in names)
    return f"<details><summary>What the columns mean</summary><dl>{terms}</dl></details>"


def _courses(results: Sequence[Result]) -> str:
    """Clips: the main measure from frame to frame, a line for each candidate."""
    if results[0].kind == "stills":
        return ""
    name, out = main_measure(results[0]), []
    for n, score in enumerate(results[0].scores):
        lines = [[f.get(name) for f in r.scores[n].frames] for r in results]
        out.append(f'<div class="case"><header><span>{_safe(score.footage)}</span></header>{_plot(lines)}</div>')
    key = " ".join(
        f'<span class="key" style="background:{LINES[i % 5]}"></span> {_safe(r.candidate.label)}'
        for i, r in enumerate(results)
    )
    return f'<h2>{COLUMNS[name].title} from frame to frame</h2><p>{key}</p><div class="courses">{"".join(out)}</div>'


def _plot(lines: Sequence[Sequence[float | None]]) -> str:
    w, h, left = 560, 120, 24
    count = max(max(map(len, lines)) - 1, 1)
    grid = "".join(
        f'<line x1="{left}" x2="{w}" y1="{_y(v, h)}" y2="{_y(v, h)}" stroke="currentColor" stroke-opacity=".15"/>'
        f'<text x="0" y="{_y(v, h) + 4}">{v:g}</text>'
        for v in (0, 0.5, 1)
    )
    for i, line in enumerate(lines):
        pen, path = "M", ""
        for n, v in enumerate(line):
            path += "" if v is None else f"{pen}{left + (w - left) * n / count:.1f} {_y(v, h):.1f}"
            pen = "M" if v is None else "L"
        grid += f'<path fill="none" stroke="{LINES[i % 5]}" stroke-width="1.5" d="{path}"/>'
    return f'<svg viewBox="0 0 {w} {h}" role="img">{grid}</svg>'


def _y(value: float, h: int) -> float:
    return 8 + (h - 16) * (1 - value)


def _worst(results: Sequence[Result], cases: Sequence[Sequence[Case]]) -> str:
    """The worst cases of all candidates; all footage has its share before any has a second."""
    queues = [list(of_one) for of_one in cases]
    shown: list[Case] = []
    while any(queues) and len(shown) < CASES:
        shown += [q.pop(0) for q in queues if q]
    shown = sorted(shown[:CASES], key=lambda c: c.score)
    key = (
        f'<span class="key" style="background:rgb{WRONG}"></span> called subject and is not, '
        f'<span class="key" style="background:rgb{MISSED}"></span> missed, '
        f'<span class="key" style="background:rgb{IGNORED}"></span> does not count'
    )
    return f"<h2>Worst cases</h2><p>Error: {key}.</p>{''.join(_case(c, results) for c in shown)}"


def _case(case: Case, results: Sequence[Result]) -> str:
    """A picture and its truth, then result and error of every candidate, side by side."""
    strip = _figure("picture", case.image) + _figure("truth", _grey(case.truth))
    for result, view in zip(results, case.views, strict=True):
        name = f"{result.candidate.label} " if len(results) > 1 else ""
        if view:
            strip += _figure(f"{name}result", _grey(view.result), view.score)
            strip += _figure(f"{name}error", _error(case, view))
    empty = not (np.nan_to_num(case.truth) >= 0.5).any()
    told = "nobody there" if empty else COLUMNS[main_measure(results[0])].title
    header = f"<header><span>{_safe(case.footage)} / {_safe(case.sample)}</span><span>{told}</span></header>"
    wide = " six" if len(results) > 1 else ""
    return f'<section class="case">{header}<div class="strip{wide}">{strip}</div></section>'


def _figure(name: str, picture: Picture, score: float | None = None) -> str:
    told = "" if score is None else f"<b>{score:.3f}</b>"
    name = _safe(name)
    return f'<figure><img alt="{name}" src="{_data(picture)}"><figcaption>{name}{told}</figcaption></figure>'


def _grey(matte: Matte) -> Picture:
    level = np.where(np.isnan(matte), 0.5, np.clip(matte, 0, 1))
    return np.repeat((255 * level + 0.5).astype(np.uint8)[..., None], 3, axis=2)


def _error(case: Case, view: View) -> Picture:
    """The picture, pale and grey, with what is wrong laid over it."""
    luma = case.image.astype(np.float32).mean(axis=2, keepdims=True)
    base = np.repeat(110 + 0.45 * luma, 3, axis=2)
    ignored = np.isnan(case.truth)
    off = np.where(ignored, 0, view.result - np.nan_to_num(case.truth))[..., None]
    for colour, share in (
        (WRONG, np.clip(off, 0, 1)),
        (MISSED, np.clip(-off, 0, 1)),
        (IGNORED, 0.7 * ignored[..., None]),
    ):
        base = base * (1 - share) + np.array(colour, np.float32) * share
    return np.clip(base + 0.5, 0, 255).astype(np.uint8)


def _data(picture: Picture) -> str:
    from PIL import Image

    image = Image.fromarray(picture)
    image.thumbnail((WIDTH, 2 * WIDTH))
    file = io.BytesIO()
    image.save(file, "webp", quality=82)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()


def _safe(text: str) -> str:
    return html.escape(text, quote=True)
