"""A plan cuts a graph into few threads and says its memory before anything runs."""

from __future__ import annotations

import textwrap

import pytest

import tests.toys
from bgflow import load, plan
from bgflow.devices import auto, device
from bgflow.errors import DeviceError
from bgflow.planning import Plan

assert tests.toys


def planned(stages: str, *, cores: int = 2, sync: bool = False, top: str = "device: cpu") -> Plan:
    text = f"{top}\nstages:\n" + textwrap.indent(textwrap.dedent(stages).strip(), "  ")
    return plan(load("g.yaml", text), cores=cores, sync=sync)


def threads(p: Plan) -> list[list[str]]:
    return [list(s.stages) for s in p.segments]


CHAIN = "src: {use: %s}\na: {use: toy.add, in: src}\np: {use: toy.pair, in: a}"


def test_a_file_graph_on_two_cores_is_one_thread() -> None:
    assert threads(planned(CHAIN % "toy.count")) == [["src", "a", "p"]]


def test_with_cores_to_spare_the_reader_gets_its_own_thread() -> None:
    assert threads(planned(CHAIN % "toy.count", cores=3)) == [["src"], ["a", "p"]]


def test_sync_is_one_thread_wherever_it_runs() -> None:
    assert threads(planned(CHAIN % "toy.live", cores=8, sync=True)) == [["src", "a", "p"]]


def test_a_live_source_gets_its_own_thread_and_its_edge_keeps_only_the_newest() -> None:
    p = planned(CHAIN % "toy.live")
    assert threads(p) == [["src"], ["a", "p"]]
    assert [(e.size, e.latest) for e in p.edges] == [(1, True)]


def test_a_file_edge_is_bounded_and_waits() -> None:
    p = planned(CHAIN % "toy.count", cores=3)
    assert [(e.size, e.latest) for e in p.edges] == [(2, False)]


def test_a_stage_on_a_thread_of_its_own_never_shares_a_segment_with_what_comes_after() -> None:
    p = planned(
        """
        src: {use: toy.count}
        a: {use: toy.add, in: src}
        net: {use: toy.add, in: a, thread: net}
        p: {use: toy.pair, in: {image: a, other: net}}
        """
    )
    assert threads(p) == [["src", "a"], ["net"], ["p"]]
    assert {(e.src, e.dst): e.driver for e in p.edges} == {
        ("src", "net"): True,
        ("src", "p"): True,
        ("net", "p"): False,
    }


def test_memory_is_stated_in_bytes_before_the_start() -> None:
    p = planned("src: {use: toy.count, set: {height: 10, width: 20}}\np: {use: toy.pair, in: src}")
    assert p.pools["src.image"].blocks == 2
    assert p.nbytes == 2 * 10 * 20 * 3
    assert "pool src.image on cpu: 2 x 10x20x3 uint8 = 1,200 bytes" in str(p)


def test_auto_says_what_it_chose_and_why() -> None:
    chosen, why = auto()
    assert why.startswith(f"{chosen.name}: ")
    assert f"device {why}" in str(planned(CHAIN % "toy.count", top="device: auto"))


def test_a_device_that_cannot_be_had_is_an_error_and_never_a_silent_cpu() -> None:
    try:
        device("cuda:0")
    except DeviceError as e:
        with pytest.raises(DeviceError) as told:
            planned(CHAIN % "toy.count", top="device: cuda")
        assert str(told.value) == str(e)
        assert told.value.exit_code == 2
        assert "cuda" in str(e)
    else:
        assert planned(CHAIN % "toy.count", top="device: cuda").devices["a"].name == "cuda:0"


def test_on_an_accelerator_a_stage_needs_no_thread_of_its_own() -> None:
    one = """
        src: {use: toy.count}
        net: {use: toy.add, in: src, thread: net}
        p: {use: toy.pair, in: {image: src, other: net}}
        """
    assert threads(planned(one, top="device: fake")) == [["src", "net", "p"]]


def test_several_streams_keep_their_threads_on_an_accelerator_too() -> None:
    two = """
        src: {use: toy.count}
        net: {use: toy.add, in: src, thread: one}
        p: {use: toy.pair, in: net}
        src2: {use: toy.count}
        net2: {use: toy.add, in: src2, thread: two}
        p2: {use: toy.pair, in: net2}
        """
    found = threads(planned(two, top="device: fake"))
    assert ["net"] in found
    assert ["net2"] in found
