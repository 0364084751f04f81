"""Looking into a graph over its page: pictures of one frame, when they are asked for, and nothing when nobody does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bgflow import In, Out, Stage
from bgflow.run import Run
from bgflow.web.look import AT_ONCE, LOOKERS, PATIENCE
from tests.looking import BITS, CELL, MADE, Looker, looking, until_quiet
from tests.peers import running

GRAPH = """
device: cpu
clock: live
stages:
  camera: {use: "tests.looking:Numbered"}
  first: {use: "tests.looking:Passed", in: camera.image}
  rest: {use: "tests.looking:Passed", in: first.out, every: 3}
  last: {use: "tests.looking:Passed", in: {image: first.out, held: rest.out}}
  never: {use: "tests.looking:Once", in: camera.image}
  out: {use: preview.sink, in: last.out, set: {port: 0}}
  end: {use: null.sink, in: never.out}
"""
BRANCHES = """
device: cpu
stages:
  camera: {use: "tests.looking:LiveNumbered"}
  slow: {use: "tests.looking:Passed", in: camera.image, thread: slow, set: {pause: 0.05}}
  quick: {use: "tests.looking:Passed", in: camera.image, thread: quick}
  last: {use: "tests.looking:Passed", in: {image: quick.out, held: slow.out}, thread: last, set: {pause: 0.02}}
  out: {use: preview.sink, in: last.out, set: {port: 0}}
"""


def during(tmp_path: Path, work: Callable[[Run, str], Coroutine[Any, Any, Any]], graph: str = GRAPH) -> Any:
    """Do something while the graph runs."""
    MADE.clear()
    with running(tmp_path, graph) as (run, url):
        return asyncio.run(work(run, url))


def watched(tmp_path: Path, work: Callable[[Looker], Coroutine[Any, Any, Any]], graph: str = GRAPH) -> Any:
    """The same through one looker."""

    async def look(_: Run, url: str) -> Any:
        async with looking(url) as looker:
            return await work(looker)

    return during(tmp_path, look, graph)


async def got(url: str, path: str, **headers: str) -> tuple[int, Any]:
    async with aiohttp.ClientSession() as session, session.get(url + path, headers=headers) as answer:
        return answer.status, (await answer.json())["error"] if answer.status != 200 else await answer.read()


def test_all_pictures_of_a_look_are_of_one_frame_also_of_outputs_that_the_graph_does_not_use(tmp_path: Path) -> None:
    async def work(looker: Looker) -> None:
        show = ["camera.image", "camera.alpha", "first.twin", "last.out"]
        for _ in range(12):
            look = await looker.look(show=show)
            assert look.numbers == dict.fromkeys(show, look.header["frame"])
            assert look.ages == dict.fromkeys(show, 0)

    watched(tmp_path, work)


def test_what_rests_shows_its_last_picture_and_how_old_that_is(tmp_path: Path) -> None:
    async def work(looker: Looker) -> set[int]:
        ages = set()
        for _ in range(20):
            look = await looker.look(show=["last.out", "rest.out"])
            frame, age = look.header["frame"], look.ages["rest.out"]
            assert look.numbers == {"last.out": frame, "rest.out": frame - age}
            ages.add(age)
        return ages

    ages = watched(tmp_path, work)
    assert len(ages) > 1
    assert ages <= {0, 1, 2}


def test_between_threads_a_picture_is_of_the_frame_or_as_old_as_it_says(tmp_path: Path) -> None:
    async def work(looker: Looker) -> None:
        for _ in range(20):
            look = await looker.look(show=["camera.surely", "quick.twin", "slow.out", "last.out"])
            frame, ages = look.header["frame"], look.ages
            assert look.numbers == {of: frame - age for of, age in ages.items()}
            assert (ages["last.out"], ages["quick.twin"], ages["camera.surely"]) == (0, 0, 0)

    watched(tmp_path, work, BRANCHES)


def test_nothing_is_sent_that_was_not_asked_for(tmp_path: Path) -> None:
    async def work(looker: Looker) -> None:
        await looker.look(show=["last.out"])
        with pytest.raises(asyncio.TimeoutError):
            await looker.socket.receive_bytes(timeout=0.5)

    watched(tmp_path, work)


def test_who_asks_late_gets_the_newest_frame_and_not_those_in_between(tmp_path: Path) -> None:
    async def work(run: Run, url: str) -> tuple[int, int]:
        async with looking(url) as looker:
            await looker.look(show=["last.out"])
            await asyncio.sleep(0.5)
            before = run.controls.begun["out"]
            return before, (await looker.look()).header["frame"]

    before, frame = during(tmp_path, work)
    assert frame >= before - 1


def test_a_frame_is_sent_once_to_a_looker_however_fast_it_asks(tmp_path: Path) -> None:
    async def work(looker: Looker) -> list[int]:
        return [(await looker.look(show=["last.out"])).header["frame"] for _ in range(15)]

    frames = watched(tmp_path, work)
    assert sorted(set(frames)) == frames


def test_another_choice_is_answered_from_the_frames_that_are_there(tmp_path: Path) -> None:
    async def work(looker: Looker) -> list[set[str]]:
        looks = [await looker.look(show=show) for show in (["last.out"], ["camera.image", "last.out"], ["first.twin"])]
        return [set(look.pictures) for look in looks]

    assert watched(tmp_path, work) == [{"last.out"}, {"camera.image", "last.out"}, {"first.twin"}]


def test_an_output_that_has_given_nothing_does_not_keep_the_others_waiting(tmp_path: Path) -> None:
    async def work(looker: Looker) -> None:
        began = asyncio.get_running_loop().time()
        for _ in range(5):
            look = await looker.look(show=["never.out", "last.out"])
            assert set(look.pictures) == {"last.out"}
            assert [it["bytes"] == 0 for it in look.header["pictures"]] == [True, False]
        assert asyncio.get_running_loop().time() - began < 5 * PATIENCE

    watched(tmp_path, work)


def test_a_picture_is_as_wide_as_it_was_asked_for_and_never_enlarged(tmp_path: Path) -> None:
    async def work(looker: Looker) -> list[tuple[int, ...]]:
        shapes = []
        for width in (96, 1000):
            look = await looker.look(show=["last.out"], width=width)
            shapes.append(look.pictures["last.out"].shape[:2])
        return shapes

    assert watched(tmp_path, work) == [(CELL // 2, BITS * CELL // 2), (CELL, BITS * CELL)]


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({"show": ["lust.out"]}, "no stage is named 'lust'; did you mean 'last'?"),
        ({"show": ["last.oot"]}, "last (toy.passed) has no output 'oot'; did you mean 'out'?"),
        ({"show": ["out.image"]}, "out (preview.sink) has no output 'image'; it is a sink"),
        ({"show": ["camera.points"]}, "camera.points is f32[n,3], which cannot be drawn as a picture"),
        ({"show": ["last.out"] * 5}, f"5 outputs are too many for one look; show {AT_ONCE} at most"),
        ({"show": "last.out"}, 'show is a list of outputs: ["stage.output"]'),
        ({"width": 5}, "width is a number of pixels from 16 to 3840, not 5"),
        ({"next": True}, 'say what to look at: {"show": ["stage.output"], "next": true}'),
        ({"shows": []}, "a look has no 'shows'; did you mean 'show'?"),
    ],
)
def test_a_look_that_cannot_be_is_refused_in_one_line(said: dict[str, Any], text: str, tmp_path: Path) -> None:
    assert watched(tmp_path, lambda looker: looker.refusal(**said)) == text


def test_a_refusal_leaves_what_was_looked_at_as_it_was(tmp_path: Path) -> None:
    async def work(looker: Looker) -> set[str]:
        await looker.say(show=["last.out"])
        await looker.refusal(show=["lust.out"], width=100)
        return set((await looker.look()).pictures)

    assert watched(tmp_path, work) == {"last.out"}


def test_what_is_no_json_is_refused_and_the_connection_goes_on(tmp_path: Path) -> None:
    async def work(looker: Looker) -> tuple[str, int]:
        await looker.socket.send_str("{")
        told = await looker.socket.receive_json(timeout=20)
        return told["error"], len((await looker.look(show=["last.out"])).pictures)

    error, pictures = watched(tmp_path, work)
    assert error.startswith("the message is not JSON: ")
    assert pictures == 1


def test_more_lookers_than_there_are_places_are_refused_until_one_leaves(tmp_path: Path) -> None:
    async def work(_: Run, url: str) -> tuple[int, str, int]:
        async with aiohttp.ClientSession() as session:
            sockets = [await session.ws_connect(url + "api/look") for _ in range(LOOKERS)]
            status, error = await got(url, "api/look/last.out.jpg")
            await sockets[0].close()
            return status, error, (await got(url, "api/look/last.out.jpg"))[0]

    refused = f"{LOOKERS} look already, and more would slow the graph down; close one"
    assert during(tmp_path, work) == (400, refused, 200)


def test_an_output_is_made_only_while_somebody_looks_at_it(tmp_path: Path) -> None:
    async def work(run: Run, url: str) -> None:
        await asyncio.sleep(0.2)
        assert MADE["alpha"] == 0
        async with looking(url) as looker:
            await looker.look(show=["camera.alpha"])
        await until_quiet(run)
        made, frames = MADE["alpha"], MADE["image"]
        assert made > 0
        while MADE["image"] < frames + 10:
            await asyncio.sleep(0.02)
        assert MADE["alpha"] <= made + 1

    during(tmp_path, work)


def test_a_value_is_kept_by_nobody_after_the_last_looker_has_left(tmp_path: Path) -> None:
    async def work(run: Run, url: str) -> None:
        async with looking(url) as looker:
            await looker.look(show=["last.out"])
        await until_quiet(run)
        assert all(not ring for ring in run.taps.rings)

    during(tmp_path, work)


def test_who_looks_at_nothing_for_a_while_may_look_again(tmp_path: Path) -> None:
    async def work(looker: Looker) -> set[str]:
        await looker.say(show=["never.out"], next=True)
        await looker.say(show=[])
        await asyncio.sleep(0.1)
        while not (look := await looker.look(show=["last.out"])).pictures:
            pass  # the answer to the first question may have been under way
        return set(look.pictures)

    assert watched(tmp_path, work) == {"last.out"}


class Broken(Stage, use="toy.broken"):
    image = In("u8[h,w,3] rgb")
    empty = Out("f32[oh,ow]")

    def process(self, image: Any) -> Any:
        return self.ctx.empty("empty", oh=0, ow=0)


def test_a_look_at_what_cannot_be_drawn_ends_with_an_error_and_the_graph_goes_on(tmp_path: Path) -> None:
    async def work(run: Run, url: str) -> tuple[int | None, Any]:
        async with looking(url) as looker:
            await looker.say(show=["broken.empty"], next=True)
            await looker.socket.receive(timeout=20)
        return looker.socket.close_code, await got(url, "api/look/last.out.jpg")

    graph = (
        GRAPH
        + '  broken: {use: "tests.test_look:Broken", in: camera.image}\n  e2: {use: null.sink, in: broken.empty}\n'
    )
    code, (status, _) = during(tmp_path, work, graph)
    assert (code, status) == (aiohttp.WSCloseCode.INTERNAL_ERROR, 200)
