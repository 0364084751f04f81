"""A result as one HTML page that needs no network and no script: charts, tables, and what it was measured on."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from pathlib import Path

from bgflow.bench import compare as comparison
from bgflow.bench.bars import ratios
from bgflow.bench.cdf import COLOURS, distribution
from bgflow.bench.compare import Change
from bgflow.bench.gallery import CHART, bars, courses, quantiles
from bgflow.bench.markdown import origin, tables
from bgflow.bench.page import Table
from bgflow.bench.result import Result, Row
from bgflow.errors import MediaError

STYLE = """
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1160px; padding: 2rem 1.25rem 4rem; color: var(--ink); background: var(--paper);
  font: 15px/1.5 system-ui, sans-serif }
h1 { font-size: 1.6rem; margin: 0 0 .25rem } h2 { font-size: 1.2rem; margin: 2.75rem 0 .5rem }
h3 { font-size: 1rem; margin: 1.5rem 0 .5rem } p { color: var(--dim); margin: .25rem 0 1rem; max-width: 80ch }
.warn { border-left: 4px solid var(--bad); padding: .25rem .75rem; color: var(--ink) }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: .75rem 1rem;
  margin: .75rem 0; overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .84rem }
th, td { padding: .4rem .6rem .4rem 0; text-align: left; vertical-align: top; border-top: 1px solid var(--line) }
td:nth-child(2), td:nth-child(5) { white-space: nowrap }
thead th { border-top: 0; color: var(--dim); font-weight: 600 }
td.good { color: var(--good); font-weight: 600 } td.bad { color: var(--bad); font-weight: 600 }
svg { display: block; width: 100%; min-width: 640px; height: auto }
.key { display: inline-block; width: .8em; height: .8em; border-radius: 2px; vertical-align: -.05em }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; font-size: .875rem }
dt { font-weight: 600 } dd { margin: 0; overflow-wrap: anywhere }
"""
STYLE = CHART + STYLE + "".join(f".key.c{n} {{ background: var(--c{n}) }}\n" for n in range(COLOURS))
KINDS = {"reached": "good", "faster": "good", "missed": "bad", "slower": "bad"}


def page(result: Result, changes: Sequence[Change] = (), against: str = "") -> str:
    """The whole page as text; `changes` are those from the file `against`."""
    title = f"bgflow bench: {', '.join(result.suites)}"
    parts = [f"<h1>{_safe(title)}</h1><p>{_safe(origin(result))}</p>"]
    parts += [f'<p class="warn">{_safe(text)}</p>' for text in result.fingerprint.warnings()]
    if changes:
        table = comparison.table(changes, f"Against {against}")
        parts.append(f"<h2>{_safe(table.title)}</h2>{_table(table)}")
    shown = {table.title: table for table in tables(result)}
    if goals := shown.pop("goals", None):
        parts.append(f"<h2>Goals</h2>{_table(goals)}")
    for suite, table in shown.items():
        rows = [row for row in result.rows if row.suite == suite]
        parts += [f"<h2>{_safe(suite)}</h2>", *_charts(rows), _table(table)]
    parts.append(f"<h2>Environment</h2>{_environment(result)}")
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{_safe(title)}</title><style>{STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def save(file: Path, text: str) -> None:
    """Write the page; raises MediaError."""
    try:
        file.write_text(text, "utf-8")
    except OSError as e:
        raise MediaError(f"{file}: the page cannot be written: {(e.strerror or str(e)).lower()}") from e


def _charts(rows: Sequence[Row]) -> Iterator[str]:
    if shown := bars(rows):
        told = (
            "How many times as fast as the peer: the bar is the median, the line its 95 % interval, the mark the goal."
        )
        yield f'<div class="card">{ratios(shown, told)}</div><p>{told}</p>'
    for row in rows:
        if row.latency:
            drawn = courses(row)
            keys = " ".join(
                f'<span class="key c{n % COLOURS}"></span> {_safe(f"{name}: {quantiles(samples, row.unit)}")}'
                for n, (name, samples) in enumerate(drawn.items())
            )
            label = f"Distribution of {row.name}"
            yield f'<div class="card">{distribution(drawn, row.unit, label)}</div><p>{keys}</p>'


def _table(table: Table) -> str:
    head = "".join(f"<th>{_safe(name)}</th>" for name in table.columns)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in table.rows)
    return f'<div class="card"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _cell(text: str) -> str:
    kind = f' class="{KINDS[text]}"' if text in KINDS else ""
    return f"<td{kind}>{_safe(text)}</td>"


def _environment(result: Result) -> str:
    it = result.fingerprint
    packages = ", ".join(f"{name} {version}" for name, version in it.packages.items())
    facts = {
        "processor": f"{it.machine}; {' '.join(it.flags)}",
        "frequency": it.governor or "not told by the system",
        "kernel": it.kernel,
        "busy before": f"{it.busy:.0%} of the processors' time, load average {it.load:g}",
        "Python": it.python,
        "packages": packages,
        "bgflow": f"{it.bgflow} {it.commit}",
        "started": it.started,
        "took": f"{result.seconds:.0f} s",
    }
    return f"<dl>{''.join(f'<dt>{_safe(k)}</dt><dd>{_safe(v)}</dd>' for k, v in facts.items())}</dl>"


def _safe(text: str) -> str:
    return html.escape(text, quote=True)
