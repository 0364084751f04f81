"""What the README says is so: its stage runs, its commands and files exist."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import tests.toys
from bgflow import Run, load, plan
from tests.toys import MET

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
assert tests.toys

GRAPH = """
device: cpu
stages:
  src: {use: toy.count, set: {frames_: 3}}
  matte: {use: 'mattes.py:Half', in: src}
  grey: {use: 'mystage.py:Grey', in: {image: src, alpha: matte}}
  p: {use: toy.pair, in: grey}
"""
HALF = """
from bgflow import In, Out, Stage

class Half(Stage):
    image = In("u8[h,w,3] rgb")
    alpha = Out("f32[h,w] alpha")

    def process(self, image):
        alpha = self.ctx.empty("alpha")
        alpha[...] = 0.5
        return alpha
"""


def test_the_readmes_stage_is_at_most_fifteen_lines_and_runs_beside_a_graph(tmp_path: Path) -> None:
    code = re.search(r"```python\n(.*?)```", README, re.S)
    assert code
    assert len([line for line in code[1].splitlines() if line.strip()]) <= 15
    (tmp_path / "mystage.py").write_text(code[1])
    (tmp_path / "mattes.py").write_text(HALF)
    (tmp_path / "graph.yaml").write_text(textwrap.dedent(GRAPH))
    MET.clear()
    with Run(plan(load(tmp_path / "graph.yaml"))) as run:
        run.wait()
    assert [(pts, image) for pts, image, _ in MET] == [(0, 0), (1, 1), (2, 2)]


def test_every_file_the_readme_links_to_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_every_command_the_readme_names_exists() -> None:
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.S))
    for command in set(re.findall(r"^bgflow (\w+)", blocks, re.M)):
        assert (ROOT / "bgflow" / "cli" / "commands" / f"{command}.py").is_file(), command
