"""A running graph given away as YAML: what the file says, with what was changed since."""

from __future__ import annotations

import asyncio
import io
import re
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from PIL import Image

from bgflow import Graph, load
from bgflow.controls import Controls
from bgflow.document import Document
from bgflow.web.recipe import SENT, recipe
from tests.peers import post, running

SHIPPED = sorted((Path(__file__).parents[1] / "graphs").glob("*.yaml"))
GRAPH = """\
# What it is for.
clock: live
stages:
  scene: {use: synth.source, set: {width: 96, height: 64}} # a scene
  mog: {use: mog.running, in: scene.image}
  replace:
    use: compose.replace
    in: {image: scene.image, alpha: mog.alpha}
    set: {background: '#00ff00'} # green
  out: {use: preview.sink, in: replace.out, set: {port: 0}}
"""


def now(graph: Graph) -> dict[str, Any]:
    """What decides how a graph runs."""
    return {name: (node.stage.params, node.every) for name, node in graph.nodes.items()}


def test_a_graph_that_nobody_has_changed_is_given_as_it_was_written(tmp_path: Path) -> None:
    graph = load(tmp_path / "g.yaml", GRAPH)
    assert recipe(graph, Controls.of(graph), {}) == GRAPH


@pytest.mark.parametrize("file", SHIPPED, ids=lambda f: f.stem)
def test_every_graph_comes_back_with_all_its_changed_values_and_its_comments(file: Path) -> None:
    graph = load(file)
    controls = Controls.of(graph)
    for it in controls.list():
        low = it["schema"].get("minimum")
        if low not in (None, it["value"]) and not it["schema"].get("slow"):
            controls.set(f"{it['stage']}.{it['param']}", low)
    for name, node in graph.nodes.items():
        if not node.stage.is_source():
            controls.set(f"{name}.every", 7)
    text = recipe(graph, controls, {})
    for name in graph.nodes:
        controls.apply(name)
    for line in file.read_text("utf-8").splitlines():
        assert not line.lstrip().startswith("#") or line in text.splitlines()
    again = load(file, text)
    for name, node in graph.nodes.items():
        assert again.nodes[name].stage.params == node.stage.params
        every = again.nodes[name].every
        assert node.stage.is_source() or 7 in (every, getattr(every, "least", None))


def test_settings_of_the_command_line_are_in_it_too(tmp_path: Path) -> None:
    graph = load(tmp_path / "g.yaml", GRAPH, sets=["scene.width=128", "mog.history=50"], device="cpu")
    again = load(tmp_path / "g.yaml", recipe(graph, Controls.of(graph), {}))
    assert now(again) == now(graph)
    assert again.device == "cpu"


def test_values_that_the_text_cannot_take_are_written_anew(tmp_path: Path) -> None:
    text = GRAPH.replace("{width: 96, height: 64}", "&size {width: 96, height: 64}").replace(
        "in: scene.image}", "in: scene.image, set: {shake: true}}"
    )
    text += "  second: {use: synth.source, set: *size}\n  end: {use: null.sink, in: second.image}\n"
    graph = load(tmp_path / "g.yaml", text, sets=["scene.width=128"])
    given = recipe(graph, Controls.of(graph), {})
    assert now(load(tmp_path / "g.yaml", given)) == now(graph)
    assert "&size" not in given


def test_to_another_machine_neither_folders_nor_passwords_nor_comments_are_given(tmp_path: Path) -> None:
    text = """
    stages: # secret
      cam: {use: url.source, set: {url: 'rtsp://me:secret@host/x'}}
      mog: {use: mog.mask, in: cam.image, set: {load: /secret/model.npz}}
      end: {use: null.sink, in: mog.alpha}
    """
    graph = load(tmp_path / "g.yaml", text)
    given = recipe(graph, Controls.of(graph), {}, private=True)
    assert "secret" not in given
    assert Document("g", given).data["stages"]["mog"]["set"] == {"load": "model.npz"}
    assert load(tmp_path / "g.yaml", given).order == graph.order


def test_the_page_gives_away_the_graph_as_it_runs_with_a_picture_that_was_sent(tmp_path: Path) -> None:
    async def work(url: str) -> tuple[str, str, int, str]:
        out = io.BytesIO()
        Image.new("RGB", (40, 30), (20, 40, 220)).save(out, "PNG")
        async with aiohttp.ClientSession() as session:
            headers = {"Content-Type": "image/png"}
            async with session.post(url + "api/picture", data=out.getvalue(), headers=headers) as answer:
                sent = (await answer.json())["value"]
            await post(url + "api/set", {"mog.history": 77, "mog.every": 2})
            async with session.get(url + "api/backgrounds") as answer:
                assert (await answer.json())["sent"] == [sent]
            async with session.get(url + f"api/backgrounds/{sent}") as answer:
                status, thumbnail = answer.status, await answer.read()
            assert Image.open(io.BytesIO(thumbnail)).size == (160, 90)
            async with session.get(url + "api/graph.yaml") as answer:
                return sent, await answer.text(), status, answer.content_type

    with running(tmp_path, GRAPH) as (_, url):
        sent, text, status, kind = asyncio.run(work(url))
    assert (status, kind) == (200, "application/yaml")
    again = load(tmp_path / "copy.yaml", text)
    assert again.nodes["mog"].every == 2
    assert again.nodes["mog"].stage.params.model_dump()["history"] == 77
    assert f"{{background: {sent.removeprefix('sent:')}.png}} # green" in text
    assert re.search(rf"^    # {SENT}\n    set: ", text, re.MULTILINE)
    assert "# What it is for." in text
