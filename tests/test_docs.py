"""What the pages say is so: links lead somewhere, graphs check, commands parse, and what is generated is current."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

import bgflow.errors
import docs.reference
from bgflow import load, models
from bgflow.cli import cli
from bgflow.registry import builtin
from bgflow.stage import Stage
from docs.reference.__main__ import write
from docs.reference.examples import example
from docs.reference.kept import kept
from tests.commandline import bgflow as run_bgflow
from tests.documented import ROOT, Block, anchors, blocks, commands, links, made, pages

PAGES = sorted(pages())
LANGUAGES = {"", "json", "python", "sh", "svg", "text", "toml", "yaml"}
PLACEHOLDERS = re.compile(r"^[A-Z]{2,}$|…")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Commands of the pages see the shipped graphs, the graph of the first page, and no other file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "graphs").symlink_to(ROOT / "graphs")
    for block in blocks("yaml"):
        if block.page == "docs/index.md":
            (tmp_path / "first.yaml").write_text(block.text)
    return tmp_path


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_page_a_file_or_a_heading_that_is_there(page: str) -> None:
    for link in links(page):
        target, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        path = str((ROOT / page).parent.joinpath(target).resolve().relative_to(ROOT)) if target else page
        assert path in PAGES or path in made() or (ROOT / path).exists(), link
        if anchor and path in PAGES:
            assert anchor in anchors(path), link


def test_every_page_is_in_the_navigation_once(folder: Path) -> None:
    def named(entry: object) -> Iterator[str]:
        if isinstance(entry, str):
            yield entry
        else:
            for below in entry.values() if isinstance(entry, dict) else entry:  # type: ignore[attr-defined]
                yield from named(below)

    write(folder / "build")
    config = yaml.safe_load((folder / "build/mkdocs.yml").read_text("utf-8"))
    assert sorted(named(config["nav"])) == sorted(page.removeprefix("docs/") for page in PAGES if page != "README.md")


def test_what_is_generated_but_kept_in_docs_is_current() -> None:
    stale = [str(file.relative_to(ROOT)) for file, text in kept().items() if file.read_text("utf-8") != text]
    assert stale == [], "run: make docs"


def test_the_reference_has_every_stage_command_graph_model_and_public_name() -> None:
    made = docs.reference.pages()
    for use in builtin():
        assert f"`{use}`" in made[f"reference/stages/{use.partition('.')[0]}.md"]
        assert f"[`{use}`]" in made["reference/stages/index.md"]
    for name in cli.list_commands(click.Context(cli)):
        assert f"\n## bgflow {name}" in made["reference/commands.md"]
    for graph in (ROOT / "graphs").glob("*.yaml"):
        assert f"\n## {graph.stem} " in made["reference/graphs.md"]
    for name in bgflow.__all__:
        assert f"\n## bgflow.{name}\n" in made["reference/python.md"]
    for name in yaml.safe_load(models.BUILT_IN.read_text("utf-8")):
        assert f"\n## {name}\n" in made["reference/models.md"]


def test_the_reference_has_every_parameter_with_its_unit_its_default_and_whether_it_is_hot() -> None:
    page = docs.reference.pages()["reference/stages/compose.md"]
    assert re.search(r"^\| `wrap` \*hot\* \| number, 0 to 1 \| `0.0` \|", page, re.M)
    assert re.search(r"^\| `radius` \*hot\* \| number, 0.5 to 25 % of height \| `5` \|", page, re.M)
    assert re.search(r"^\| `matrix` \| auto, bt601, bt709, bt2020 \| `\"auto\"` \|", page, re.M)


@pytest.mark.parametrize("cls", builtin().values(), ids=lambda cls: cls.use)
def test_the_example_of_every_stage_is_a_graph_without_a_mistake(cls: type[Stage]) -> None:
    graph = load("example.yaml", example(cls))
    assert cls.use in {node.stage.use for node in graph.nodes.values()}


def test_the_page_of_the_command_line_lists_every_command() -> None:
    table = re.findall(r"^\| (`.*?) \|", pages()["docs/cli.md"], re.M)
    listed = {word for cell in table for word in re.findall(r"`(\w+)", cell)}
    assert set(cli.list_commands(click.Context(cli))) <= listed


def test_every_block_says_a_language_that_is_tested_or_none() -> None:
    found = set(re.findall(r"^ *```(\w+)", "\n".join(pages().values()), re.M))
    assert found <= LANGUAGES


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_every_graph_checks_and_so_does_every_piece_of_one_beside_what_it_refers_to(block: Block) -> None:
    data = yaml.safe_load(textwrap.dedent(block.text))
    if "stages" not in data and any("use" in about for about in data.values() if isinstance(about, dict)):
        data = {"stages": data}
    if "stages" not in data:
        return
    try:
        load("page.yaml", yaml.safe_dump(completed(data), sort_keys=False))
    except bgflow.errors.GraphError as e:
        absent = re.compile("there is no (such file|file|model 'mine')")
        assert all(absent.search(problem.text) for problem in e.problems), e


def completed(data: dict[str, Any]) -> dict[str, Any]:
    """A graph in which stages that are only referred to are a camera, and what nobody takes is taken."""
    stages = dict(data["stages"])
    wires = [
        it for a in stages.values() for it in (a["in"].values() if isinstance(a.get("in"), dict) else [a.get("in")])
    ]
    for wire in filter(None, wires):
        stages.setdefault(wire.partition(".")[0], {"use": "synth.source"})
    if all(a["use"] not in builtin() or builtin()[a["use"]].outputs for a in stages.values()):
        stages |= {f"end_{name}": {"use": "null.sink", "in": name} for name in data["stages"]}
    return {**data, "stages": stages}


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_every_python_block_compiles(block: Block) -> None:
    text = textwrap.dedent(block.text)
    if block.page == "docs/reference/python.md" and re.match(r"class \w+(\(.*\))?\n$|\w+\(", text):
        text = f"{'' if text.startswith('class ') else 'def '}{text.rstrip()}: ..."
    compile(text, str(block), "exec")


@pytest.mark.parametrize(
    "block",
    [b for b in blocks("python") if "from bgflow" in b.text and b.page != "docs/reference/python.md"],
    ids=str,
)
def test_every_stage_of_a_page_registers_and_every_example_runs(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    for library in re.findall(r"^import (cupy|torch)$", block.text, re.M):
        pytest.importorskip(library)
    space: dict[str, object] = {"__name__": f"page_{block.number}"}
    exec(compile(block.text, str(block), "exec"), space)
    own = [it for it in space.values() if isinstance(it, type) and it.__module__ == space["__name__"]]
    assert all(issubclass(it, Stage) and it.Params() for it in own)


@pytest.mark.parametrize("block", [b for b in blocks("sh", "") if list(commands(b.text))], ids=str)
def test_every_command_of_a_block_is_one_that_the_parser_takes(block: Block) -> None:
    for words in commands(block.text):
        if not any(PLACEHOLDERS.search(word) for word in words):
            parse(words)


def parse(words: list[str]) -> None:
    """Let the real parser read a command, whose files need not be there; nothing runs."""
    if words[0].startswith("-"):
        return
    group: click.Command = cli
    ctx = click.Context(cli, info_name="bgflow", **cli.context_settings)
    while isinstance(group, click.Group):
        group = group.get_command(ctx, words[0]) or pytest.fail(f"there is no command {words[0]}")
        words = words[1:]
        ctx = click.Context(group, parent=ctx, info_name=group.name)
    group.make_context(group.name, list(words), parent=ctx.parent)


# -- coming from another tool -----------------------------------------------------------------------------------------

VERBS = {"blur", "remove", "replace"}
ENDS = [
    ("in.mp4", "out.mp4"),
    ("in.mp4", "out.webm"),
    ("in.jpg", "out.png"),
    ("/dev/video0", "preview://@:8080"),
    ("rtsp://host/stream", "out.mp4"),
    ("webrtc://@:8080", "webrtc://@:8080"),
]
TABLE = re.compile(r"^\| (?P<left>.+?) \| (?P<right>.+?) \|$", re.M)


def rows() -> list[tuple[str, str]]:
    """What stands in the right-hand cells of docs/coming-from.md as code, and the heading of its column."""
    out, heading = [], ""
    for line in pages()["docs/coming-from.md"].splitlines():
        cells = TABLE.match(line.replace(r"\|", "/"))
        if not cells:
            heading = ""
        elif not heading:
            heading = cells["right"]
        else:
            out += [(heading, code) for code in re.findall(r"`([^`]+)`", cells["right"])]
    return out


def works(words: list[str]) -> bool:
    """Whether the verb makes a graph of these words that has no mistake."""
    told = run_bgflow(*words, "--print-graph")
    sets = [words[n + 1] for n, word in enumerate(words) if word == "--set"]
    if told.code:
        return False
    try:
        load("verb.yaml", told.out, sets=sets)
    except bgflow.errors.BgflowError as e:
        return "there is no such file" in str(e)
    return True


@pytest.mark.parametrize("code", [c for _, c in rows() if c.startswith("bgflow ")])
def test_every_command_for_another_tools_user_is_taken_and_makes_a_sound_graph(code: str) -> None:
    [words] = commands(code)
    parse(words)
    assert words[0] not in VERBS or works(words)


@pytest.mark.parametrize("code", [c for _, c in rows() if c.startswith("--")])
def test_every_option_for_another_tools_user_fits_one_of_the_verbs(code: str) -> None:
    [words] = commands(f"bgflow {code}")
    assert any(
        works([verb, *ends, *words, *(["-b", "green"] if verb == "replace" else [])]) for verb in VERBS for ends in ENDS
    )


@pytest.mark.parametrize(("heading", "code"), [row for row in rows() if row[0] in ("`mog.mask`", "stage")])
def test_every_stage_parameter_and_output_for_another_tools_user_exists(heading: str, code: str) -> None:
    if heading == "stage":
        assert code in builtin()
        return
    cls = builtin()[heading.strip("`")]
    name, _, value = code.partition(": ")
    assert name in cls.outputs or cls(**{name: yaml.safe_load(value)})
