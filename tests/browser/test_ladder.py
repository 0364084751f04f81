"""The page shows how a graph keeps its slo: the quantile, the rung, and the last steps with their reasons."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

import tests.toys
from bgflow.bench.browser import chromium
from tests.browser.chromium import keep, needed, until
from tests.peers import running

assert tests.toys

GRAPH = """
clock: live
slo: {{p95: {goal}, window: 1s, ladder: [{{add.amount: 2}}, {{add.amount: 3}}]}}
stages:
  camera: {{use: toy.count, set: {{frames_: 0, height: 48, width: 64, step: 20_000_000}}}}
  add: {{use: toy.add, in: camera.image}}
  out: {{use: webrtc.sink, in: add.out, set: {{port: 0, ice_host: 127.0.0.1}}}}
"""


@pytest.mark.slow
def test_the_goal_the_rung_and_the_steps_are_on_the_page(tmp_path: Path) -> None:
    needed()
    with running(tmp_path, GRAPH.format(goal="1ms")) as (run, url), chromium(tmp_path / "no.y4m", 390, 844) as driver:
        driver.get(url)
        keeper = run.controls.keeper
        assert keeper
        for n in range(400):  # frames that are late, whatever the machine
            keeper.arrived(time.monotonic() + n / 100, 0.5)
        until(lambda: driver.find_element("id", "slo").is_displayed(), "the goal")
        until(lambda: "2 of 2 steps down" in driver.find_element("id", "slo-rung").text, "both steps")
        shown = [line.text for line in driver.find_elements("css selector", "#slo-steps li")]
        assert "-> 3 (" in shown[0]  # at once from 1, or from 2
        assert " 1 ms" in shown[0]  # the goal; where frames were lost, their number is told with it
        assert driver.find_element("id", "slo-now").text.endswith(" of 1 ms")
        keep(driver, "phone-light-slo")


@pytest.mark.slow
def test_a_graph_without_a_goal_shows_none(tmp_path: Path) -> None:
    needed()
    graph = "\n".join(line for line in GRAPH.splitlines() if not line.startswith("slo")).format()
    with running(tmp_path, graph) as (_, url), chromium(tmp_path / "no.y4m", 390, 844) as driver:
        driver.get(url)
        until(lambda: driver.find_element("id", "viewers").text not in ("", "–"), "the first figures")
        assert not driver.find_element("id", "slo").is_displayed()
