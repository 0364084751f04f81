"""Set values and ask for actions from outside: REST and the WebSocket, on a graph that runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bgflow import In, Out, Param, Stage
from bgflow.action import action
from bgflow.errors import UsageError
from tests.peers import Refused, post, running

GRAPH = """
clock: live
stages:
  scene: {use: synth.source, set: {width: 96, height: 64, speed: 0}}
  blur: {use: compose.blur, in: {image: scene.image, alpha: scene.alpha}, set: {radius: 0.5}}
  lamp: {use: toy.lamp, in: blur.out}
  key: {use: key.chroma, in: lamp.out}
  replace: {use: compose.replace, in: {image: scene.image, alpha: key.alpha}}
  out: {use: preview.sink, in: lamp.out, set: {port: 0}}
  end: {use: null.sink, in: replace.out}
"""


class Lamp(Stage, use="toy.lamp"):
    image = In("u8[h,w,3] rgb")
    out = Out("u8[h,w,3] rgb")
    level: int = Param(1, ge=0, le=9, hot=True)

    def process(self, image: Any) -> Any:
        return image

    @action
    def flash(self, times: int = 1) -> str:
        """Flash."""
        if times > 3:
            raise UsageError(f"{times} flashes are too many; ask for 3 at most")
        return f"flashed {times}"


def during(tmp_path: Path, work: Callable[[str], Coroutine[Any, Any, Any]]) -> Any:
    """Do something while the graph runs."""
    with running(tmp_path, GRAPH) as (_, url):
        return asyncio.run(work(url))


@asynccontextmanager
async def live(url: str, **headers: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A connection as the page has one."""
    async with aiohttp.ClientSession() as session, session.ws_connect(url + "api/live", headers=headers) as socket:
        yield socket


async def event(socket: aiohttp.ClientWebSocketResponse, kind: str) -> dict[str, Any]:
    """The next event of that kind."""
    async with asyncio.timeout(20):
        while True:
            told: dict[str, Any] = await socket.receive_json()
            if told["type"] == kind:
                return told


async def refusal(url: str, path: str, body: dict[str, Any]) -> str:
    with pytest.raises(Refused) as error:
        await post(url + path, body)
    return str(error.value)


def test_a_value_that_is_set_answers_the_frame_from_which_it_holds(tmp_path: Path) -> None:
    async def work(url: str) -> tuple[Any, Any]:
        return await post(url + "api/set", {"lamp.level": 4}), await post(url + "api/set", {"lamp.level": 5})

    first, second = during(tmp_path, work)
    assert 0 <= first["frame"] < second["frame"]


def test_one_bad_value_refuses_all_that_are_set_with_it(tmp_path: Path) -> None:
    async def work(url: str) -> tuple[str, Any]:
        said = await refusal(url, "api/set", {"blur.radius": 12, "lamp.level": 99})
        async with aiohttp.ClientSession() as session, session.get(url + "api/controls") as answer:
            return said, (await answer.json())["controls"]

    said, controls = during(tmp_path, work)
    assert said == "lamp.level: input should be less than or equal to 9, not 99"
    assert {it["param"]: it["value"] for it in controls if it["stage"] == "blur"}["radius"] == 0.5


@pytest.mark.parametrize("value", ["/etc/passwd", "secret.png", "../x", ["a.png"], {"a": "b"}])
def test_nothing_that_could_name_a_file_is_taken_from_the_network(value: Any, tmp_path: Path) -> None:
    said = during(tmp_path, lambda url: refusal(url, "api/set", {"replace.background": value}))
    assert said.startswith(f"replace.background is {value!r}, but what is set from outside names no files: give ")


def test_colours_paintings_and_choices_are_taken_from_the_network(tmp_path: Path) -> None:
    values = {"key.colour": "#0000ff", "replace.background": "gallery:dusk", "replace.fit": "tile"}
    assert during(tmp_path, lambda url: post(url + "api/set", values))["frame"] >= 0


def test_an_action_answers_its_message_and_the_frame(tmp_path: Path) -> None:
    told = during(tmp_path, lambda url: post(url + "api/act", {"action": "lamp.flash", "values": {"times": 2}}))
    assert (told["message"], told["frame"] >= 0) == ("flashed 2", True)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ({"action": "lamp.flash", "values": {"times": 9}}, "9 flashes are too many; ask for 3 at most"),
        ({"action": "lamp.flush"}, "lamp has no action 'flush'; did you mean 'flash'?"),
        ({"action": "lump.flash"}, "no stage is named 'lump'; did you mean 'lamp'?"),
        ({"action": "blur.flash"}, "blur has no action 'flash'"),
        (
            {"action": "lamp.flash", "values": {"times": "2"}},
            "lamp.flash: times: input should be a valid integer",
        ),
    ],
)
def test_an_action_that_cannot_be_is_refused_in_one_line(body: dict[str, Any], line: str, tmp_path: Path) -> None:
    assert during(tmp_path, lambda url: refusal(url, "api/act", body)) == line


def test_controls_and_actions_are_listed_with_their_schemas(tmp_path: Path) -> None:
    async def work(url: str) -> Any:
        async with aiohttp.ClientSession() as session, session.get(url + "api/controls") as answer:
            return await answer.json()

    told = during(tmp_path, work)
    lamp = next(it for it in told["controls"] if it["stage"] == "lamp")
    assert (lamp["use"], lamp["param"], lamp["value"]) == ("toy.lamp", "level", 1)
    assert (lamp["schema"]["minimum"], lamp["schema"]["maximum"]) == (0, 9)
    assert [(it["stage"], it["action"], it["description"]) for it in told["actions"]] == [
        ("lamp", "flash", "Flash."),
        ("run", "stop", "End the run."),
    ]


def test_everybody_hears_of_a_value_that_anybody_has_set(tmp_path: Path) -> None:
    async def work(url: str) -> tuple[Any, Any]:
        async with live(url) as socket:
            told = await post(url + "api/set", {"lamp.level": 7})
            return told, await event(socket, "values")

    told, heard = during(tmp_path, work)
    assert heard == {"type": "values", "values": {"lamp.level": 7}, "frame": told["frame"]}


def test_the_socket_sets_and_acts_and_answers_with_the_number_of_the_message(tmp_path: Path) -> None:
    async def work(url: str) -> list[Any]:
        async with live(url) as socket:
            out = []
            for message in (
                {"id": 1, "set": {"lamp.level": 3}},
                {"id": 2, "act": "lamp.flash"},
                {"id": 3, "set": {"lamp.level": 30}},
                {"id": 4},
            ):
                await socket.send_json(message)
                out.append(await event(socket, "answer"))
            return out

    set_, acted, refused, empty = during(tmp_path, work)
    assert (set_["id"], set_["frame"] >= 0) == (1, True)
    assert (acted["id"], acted["message"]) == (2, "flashed 1")
    assert refused["error"] == "lamp.level: input should be less than or equal to 9, not 30"
    assert empty["error"] == 'a message is {"set": {…}} or {"act": "stage.action"}'


def test_messages_and_refusals_of_actions_are_news(tmp_path: Path) -> None:
    async def work(url: str) -> tuple[Any, Any]:
        async with live(url) as socket:
            await post(url + "api/act", {"action": "lamp.flash"})
            message = await event(socket, "message")
            await refusal(url, "api/act", {"action": "lamp.flash", "values": {"times": 4}})
            return message, await event(socket, "refused")

    message, refused = during(tmp_path, work)
    assert (message["stage"], message["text"]) == ("lamp", "flashed 1")
    assert refused["text"] == "4 flashes are too many; ask for 3 at most"


def test_figures_of_the_run_come_once_a_second(tmp_path: Path) -> None:
    async def work(url: str) -> Any:
        async with live(url) as socket:
            await event(socket, "figures")
            return await event(socket, "figures")

    told = during(tmp_path, work)
    assert told["fps"] > 0
    assert told["stages"]["blur"]["count"] > 0
    assert told["stages"]["blur"]["p95"] >= told["stages"]["blur"]["p50"] > 0


def test_another_site_gets_no_socket(tmp_path: Path) -> None:
    async def work(url: str) -> int:
        with pytest.raises(aiohttp.WSServerHandshakeError) as error:
            async with live(url, Origin="http://evil.example"):
                pass
        return error.value.status

    assert during(tmp_path, work) == 403


def test_run_stop_ends_the_run(tmp_path: Path) -> None:
    with running(tmp_path, GRAPH) as (run, url):
        assert asyncio.run(post(url + "api/act", {"action": "run.stop"}))["message"] == "the run is ending"
        assert run.wait(20)
    assert not run.aborted
