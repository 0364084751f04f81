"""The WebRTC stages: real connections over loopback, and the hand-overs that keep latency bounded."""

from __future__ import annotations

import asyncio
import itertools
import socket
import threading
from fractions import Fraction
from pathlib import Path
from typing import Any

import aiortc
import numpy as np
import pytest
from av import VideoFrame

from bgflow import Run, load, plan
from bgflow.devices import device, to_host
from bgflow.errors import BgflowError
from bgflow.kernels import yuv
from bgflow.stages.webrtc import Sink, Source
from bgflow.testing import opened
from bgflow.web.latest import Latest
from bgflow.web.peer import _without_mdns
from bgflow.web.served import Webs
from bgflow.web.track import CLOCK, Camera, Planes, Stream, Viewer
from tests.peers import LEFT, RIGHT, Bars, Refused, connected, pictures, post, running, status, until

LOOP = """
stages:
  camera: {use: webrtc.source, set: {port: 0, ice_host: 127.0.0.1}}
  out: {use: webrtc.sink, in: camera.image}
"""


class Reel(aiortc.MediaStreamTrack):
    """A track that gives pictures with these pts at once, then ends."""

    kind = "video"

    def __init__(self, *pts: int):
        super().__init__()
        self.left = list(pts)

    async def recv(self) -> VideoFrame:
        if not self.left:
            raise aiortc.mediastreams.MediaStreamError
        frame = VideoFrame(16, 16, "yuv420p")
        frame.pts, frame.time_base = self.left.pop(0), Fraction(1, CLOCK)
        return frame


def taken(camera: Camera) -> list[int]:
    """Make the camera keep every pts that it hands over."""
    got: list[int] = []
    camera.latest.put = lambda value: got.append(value[0])  # type: ignore[method-assign]
    return got


def picture() -> Planes:
    return np.full((4, 4), 128, np.uint8), np.full((2, 2), 128, np.uint8), np.full((2, 2), 128, np.uint8)


def test_a_slot_keeps_the_newest_value_and_counts_the_others() -> None:
    lost: list[str] = []
    slot: Latest[int] = Latest(lambda: lost.append("overtaken"))
    for n in range(100):
        slot.put(n)
    assert (slot.take(0), slot.take(0), len(lost)) == (99, None, 99)


def test_a_slot_wakes_the_thread_that_waits() -> None:
    slot: Latest[int] = Latest(lambda: None)
    threading.Timer(0.02, slot.put, [7]).start()
    assert slot.take(10) == 7


def shown(on: str, image: Any, **params: Any) -> Planes:
    """The planes that the sink shows of a picture."""
    got: list[Planes] = []
    with opened(Sink(port=0, **params), on) as sink:
        sink.stage.stream.viewers.add(None)
        sink.stage.stream.publish = lambda planes, pts, time_base: got.append(planes)
        sink(image=image)
    return got[0]


def test_an_accelerator_is_given_a_camera_frame_in_one_copy_of_its_planes() -> None:
    frame = VideoFrame.from_ndarray(np.random.default_rng(0).integers(16, 236, (72, 64), np.uint8), "yuv420p")
    found = {}
    before = device("fake").meter.read()
    for on in ("cpu", "fake"):
        with opened(Source(port=0), on, wired={"image", "nv12"}) as source:
            source.stage.camera.latest.put((7, frame))  # type: ignore[attr-defined]
            pts, value = next(source.frames())
            found[on] = {name: to_host(array).copy() for name, array in value.items()}
    work = device("fake").meter.read().minus(before)
    assert (pts, work.ups, work.up_bytes) == (7, 1, 48 * 64 * 3 // 2)
    assert source.stage.copies() == (1, 0)
    for name in ("image", "nv12"):
        np.testing.assert_array_equal(found["fake"][name], found["cpu"][name])


@pytest.mark.parametrize(("h", "w"), [(48, 64), (47, 64), (720, 32)])
@pytest.mark.parametrize("kind", ["rgb", "nv12"])
def test_an_accelerator_shows_the_same_picture_after_one_copy(kind: str, h: int, w: int) -> None:
    shape = (h, w, 3) if kind == "rgb" else (h + (h + 1) // 2, w)
    image = np.random.default_rng(0).integers(16, 236, shape, np.uint8)
    before = device("fake").meter.read()
    fake = shown("fake", image)
    work = device("fake").meter.read().minus(before)
    assert (work.downs, work.down_bytes) == (1, (h & ~1) * w * 3 // 2)
    for a, b in zip(shown("cpu", image), fake, strict=True):
        np.testing.assert_array_equal(a, b)


def test_nv12_is_shown_in_the_colours_that_browsers_expect_and_as_it_is_where_it_has_them() -> None:
    small, large = (np.random.default_rng(1).integers(16, 236, (h * 3 // 2, 32), np.uint8) for h in (48, 720))
    for nv12, h, params in ((small, 48, {}), (large, 720, {"matrix": "bt601"})):
        y, u, v = shown("cpu", nv12, **params)
        np.testing.assert_array_equal(y, nv12[:h])
        np.testing.assert_array_equal(np.stack([u, v], -1), yuv.nv12_planes(nv12, h, 32)[1])
    image = np.empty((720, 32, 3), np.uint8)
    yuv.nv12_to_rgb(*yuv.nv12_planes(large, 720, 32), image, "bt709")
    for got, want in zip(shown("cpu", large), shown("cpu", image), strict=True):
        np.testing.assert_array_equal(got, want)


def test_pts_grow_over_a_reconnection() -> None:
    camera = Camera({}, "VP8", lambda _: None)
    got = taken(camera)
    asyncio.run(camera.follow("one", Reel(0, 3000, 6000)))
    asyncio.run(camera.follow("two", Reel(0, 3000, 6000)))
    assert len(got) == 6
    assert all(b > a for a, b in itertools.pairwise(got))


def test_distances_between_camera_frames_stay_exact() -> None:
    camera = Camera({}, "VP8", lambda _: None)
    got = taken(camera)
    asyncio.run(camera.follow("one", Reel(500, 3503, 6506)))
    assert [b - a for a, b in itertools.pairwise(got)] == [3003, 3003]


def test_a_camera_clock_that_jumps_by_hours_does_not_move_the_run() -> None:
    camera = Camera({}, "VP8", lambda _: None)
    got = taken(camera)
    asyncio.run(camera.follow("one", Reel(0, 3000, 3000 + (1 << 32))))
    assert got[2] - got[1] < CLOCK


def test_a_frame_that_goes_back_in_time_is_dropped_and_counted() -> None:
    lost: list[str] = []
    camera = Camera({}, "VP8", lost.append)
    got = taken(camera)
    asyncio.run(camera.follow("one", Reel(0, 3000, 1500, 6000)))
    assert (len(got), lost) == (3, ["time went back"])


def test_a_new_camera_takes_over_and_the_old_one_is_thrown_away() -> None:
    camera = Camera({}, "VP8", lambda _: None)
    got = taken(camera)

    async def both() -> None:
        old = asyncio.create_task(camera.follow("old", Bars()))
        await until(lambda: got)
        await camera.follow("new", Reel(0, 3000))
        before = len(got)
        await asyncio.sleep(0.05)
        old.cancel()
        assert len(got) == before

    asyncio.run(both())


def test_a_slow_viewer_gets_the_newest_picture_and_slows_nobody() -> None:
    lost: list[str] = []
    seen: list[int | None] = []

    async def show() -> None:
        stream = Stream("out", "VP8", lost.append)
        stream.pictures.loop = asyncio.get_running_loop()
        fast, slow = Viewer(stream), Viewer(stream)
        for n in range(10):
            stream.publish(picture(), n, Fraction(1, 30))
            seen.append((await fast.recv()).pts)
        assert (await slow.recv()).pts == 9

    asyncio.run(show())
    assert (seen, lost) == (list(range(10)), ["slow viewer"] * 9)


def test_viewers_share_the_pixels_of_a_picture() -> None:
    async def show() -> None:
        stream = Stream("out", "VP8", lambda _: None)
        stream.pictures.loop = asyncio.get_running_loop()
        viewers = [Viewer(stream), Viewer(stream)]
        shared = picture()
        stream.publish(shared, 0, Fraction(1, 30))
        frames = [await v.recv() for v in viewers]
        shared[0][0, 0] = 7
        assert [bytes(f.planes[0])[0] for f in frames] == [7, 7]

    asyncio.run(show())


def test_pictures_that_the_loop_cannot_take_in_time_do_not_pile_up() -> None:
    lost: list[str] = []

    async def show() -> None:
        stream = Stream("out", "VP8", lost.append)
        stream.pictures.loop = asyncio.get_running_loop()
        viewer = Viewer(stream)
        for n in range(50):  # the loop has no chance to run in between
            stream.publish(picture(), n, Fraction(1, 30))
        assert (await viewer.recv()).pts == 49

    asyncio.run(show())
    assert lost == ["loop busy"] * 49


def test_hidden_addresses_are_replaced_by_the_address_the_offer_came_from() -> None:
    offer = "v=0\r\na=candidate:1 1 udp 2113937151 1f4712db-ea17.local 54321 typ host generation 0\r\n"
    assert _without_mdns(offer, ["192.0.2.7"]) == (
        "v=0\r\na=candidate:1 1 udp 2113937151 192.0.2.7 54321 typ host generation 0\r\n"
    )


def test_the_sink_encodes_nothing_while_nobody_watches() -> None:
    with opened(Sink(port=0)) as sink:
        sink(image=np.zeros((8, 8, 3), np.uint8))
        assert sink.ctx.drops == {"nobody watches": 1}


@pytest.mark.parametrize(("h", "w", "size"), [(9, 7, (6, 8)), (8, 8, (8, 8))])
def test_odd_pictures_lose_a_line(h: int, w: int, size: tuple[int, int]) -> None:
    sink = Sink(port=0)
    with opened(sink) as it:
        sink.stream.viewers.add(object())  # type: ignore[arg-type]
        it(image=np.zeros((h, w, 3), np.uint8))
        assert sink.stream.size == size


def test_a_picture_of_one_pixel_is_dropped_with_a_warning() -> None:
    sink = Sink(port=0)
    with opened(sink) as it:
        sink.stream.viewers.add(object())  # type: ignore[arg-type]
        it(image=np.zeros((1, 1, 3), np.uint8))
        assert it.ctx.warnings == ["image is 1x1, but WebRTC carries 2x2 at least"]


def test_fps_caps_what_is_sent_by_the_frames_own_time() -> None:
    sink = Sink(port=0, fps=10)
    with opened(sink) as it:
        sink.stream.viewers.add(object())  # type: ignore[arg-type]
        for n in range(30):
            it(pts=n, image=np.zeros((8, 8, 3), np.uint8))
        assert (sink.stream.rate.count, it.ctx.drops) == (10, {"above fps": 20})


def test_bitrates_out_of_order_are_a_problem() -> None:
    assert list(Sink(min_bitrate=900, start_bitrate=500).problems()) == [
        ("start_bitrate", "start_bitrate is 500, but must lie between min_bitrate 900 and max_bitrate 2500")
    ]


def test_bitrate_caps_reach_the_encoders() -> None:
    from aiortc.codecs.h264 import H264Encoder
    from aiortc.codecs.vpx import Vp8Encoder

    with opened(Sink(port=0, max_bitrate=9000)):
        for encoder in (Vp8Encoder(), H264Encoder()):
            encoder.target_bitrate = 50_000_000
            assert encoder.target_bitrate == 9_000_000


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_a_camera_comes_back_to_its_viewer_with_its_colours(codec: str, tmp_path: Path) -> None:
    graph = LOOP.replace("in: camera.image", f"in: camera.image, set: {{codec: {codec}}}")

    async def watch(url: str) -> np.ndarray[Any, Any]:
        async with connected(url, "camera", Bars()), connected(url, "viewer") as track:
            return (await pictures(track, 20))[-1]

    with running(tmp_path, graph) as (_, url):
        seen = asyncio.run(watch(url))
    assert np.abs(seen[60, 40].astype(int) - LEFT).max() <= 6
    assert np.abs(seen[60, 120].astype(int) - RIGHT).max() <= 6


@pytest.mark.parametrize("port", ["image", "nv12"])
def test_on_an_accelerator_a_frame_crosses_once_each_way(port: str, tmp_path: Path) -> None:
    graph = f"device: fake\nbudget: {{h2d: 1, d2h: 1}}\n{LOOP.replace('camera.image', f'camera.{port}')}"

    async def watch(url: str) -> np.ndarray[Any, Any]:
        async with connected(url, "camera", Bars()), connected(url, "viewer") as track:
            return (await pictures(track, 60))[-1]

    with running(tmp_path, graph) as (run, url):
        seen = asyncio.run(watch(url))
    assert np.abs(seen[60, 40].astype(int) - LEFT).max() <= 6
    assert np.abs(seen[60, 120].astype(int) - RIGHT).max() <= 6
    works = {ctx.name: ctx.work for ctx in run.contexts}
    assert works["camera"].ups > 30
    assert works["camera"].up_bytes == works["camera"].ups * 120 * 160 * 3 // 2
    assert works["out"].down_bytes == works["out"].downs * 120 * 160 * 3 // 2
    assert works["camera"].downs == works["out"].ups == 0
    assert not run.over_budget()


def test_a_camera_may_change_its_resolution_midway(tmp_path: Path) -> None:
    async def watch(url: str) -> set[tuple[int, ...]]:
        bars, sizes = Bars(120, 160), set()
        async with connected(url, "camera", bars), connected(url, "viewer") as track:
            sizes.add((await pictures(track, 1))[0].shape)
            bars.size = (90, 120)
            async with asyncio.timeout(20):
                while (90, 120, 3) not in sizes:
                    sizes.add((await pictures(track, 1))[0].shape)
        return sizes

    with running(tmp_path, LOOP) as (_, url):
        assert asyncio.run(watch(url)) == {(120, 160, 3), (90, 120, 3)}


def test_one_viewer_leaves_and_the_other_goes_on(tmp_path: Path) -> None:
    async def watch(url: str) -> None:
        async with connected(url, "camera", Bars()), connected(url, "viewer") as stays:
            async with connected(url, "viewer") as leaves:
                await pictures(leaves, 3)
                assert (await status(url))["streams"]["out"]["viewers"] == 2
            await pictures(stays, 10)

            async def alone() -> bool:
                return bool((await status(url))["streams"]["out"]["viewers"] == 1)

            await until(alone)
            await pictures(stays, 5)

    with running(tmp_path, LOOP) as (_, url):
        asyncio.run(watch(url))


def test_a_run_ends_with_its_browsers_connected_and_leaves_no_decoder_behind(tmp_path: Path) -> None:
    async def hold(url: str, run: Run) -> None:
        async with connected(url, "camera", Bars()), connected(url, "viewer") as track:
            await pictures(track, 2)
            run.stop()
            await asyncio.to_thread(run.wait, 20)

    before = {t.name for t in threading.enumerate()}
    with running(tmp_path, LOOP) as (run, url):
        asyncio.run(hold(url, run))
    assert not {t.name for t in threading.enumerate() if t.name == "video-decoder"} - before


def test_an_offer_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    with running(tmp_path, LOOP) as (_, url):
        with pytest.raises(Refused, match=r"^the offer must have exactly one media line, and that of video$"):
            asyncio.run(post(url + "api/offer", {"sdp": "v=0", "role": "viewer"}))
        with pytest.raises(Refused, match=r"^role is 'spy', but must be camera, viewer or both$"):
            asyncio.run(post(url + "api/offer", {"sdp": "v=0", "role": "spy"}))
        with pytest.raises(Refused, match=r"^there is no stream 'x' here; there are out$"):
            asyncio.run(post(url + "api/offer", {"sdp": "v=0", "role": "viewer", "stream": "x"}))


def test_a_taken_port_is_told_before_the_run_starts_and_exits_with_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        file = tmp_path / "graph.yaml"
        file.write_text(LOOP.replace("port: 0", f"port: {port}"))
        with pytest.raises(BgflowError) as error, Run(plan(load(file))):
            pass
    assert str(error.value).endswith(
        f"camera: 127.0.0.1:{port} is taken by another program; set another port, for example camera.port={port + 1}"
    )
    assert error.value.exit_code == 2


def test_a_second_camera_stage_needs_a_page_of_its_own(tmp_path: Path) -> None:
    graph = LOOP + "  again: {use: webrtc.source, set: {port: null}}\n  more: {use: webrtc.sink, in: again.image}\n"
    file = tmp_path / "graph.yaml"
    file.write_text(graph)
    said = r"has a camera already; give (again|camera)\.port another number$"
    with pytest.raises(BgflowError, match=said), Run(plan(load(file))) as run:
        assert run.wait(20)


@pytest.mark.parametrize(
    "sdp",
    [
        "m=video",
        "m=video 9 UDP/TLS/RTP/SAVPF 96",
        "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n",
        "v=0\r\nm=video x y z\r\na=candidate:1\r\n",
    ],
)
def test_an_offer_that_is_broken_is_refused_and_leaves_no_connection(sdp: str, tmp_path: Path) -> None:
    async def offer(url: str) -> None:
        with pytest.raises(Refused, match="^the offer cannot be accepted: "):
            await post(url + "api/offer", {"sdp": sdp, "role": "viewer"})
        assert (await status(url))["streams"]["out"]["viewers"] == 0

    with running(tmp_path, LOOP) as (_, url):
        asyncio.run(offer(url))


def test_a_port_is_free_again_when_another_stage_cannot_open(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    file = tmp_path / "graph.yaml"
    broken = (
        "  net: {use: u2net.mask, in: camera.image, set: {model: no.onnx}}\n  end: {use: null.sink, in: net.alpha}\n"
    )
    file.write_text(LOOP.replace("port: 0", f"port: {port}") + broken)
    with pytest.raises(BgflowError, match=r"no\.onnx"), Run(plan(load(file))):
        pass
    socket.create_server(("127.0.0.1", port)).close()


def test_a_graph_that_takes_nothing_makes_no_queue_grow() -> None:
    stage = Source(port=0, ice_host="127.0.0.1")

    async def stall(ctx: Any) -> list[int]:
        serving = asyncio.create_task(stage.serve(ctx))
        web = ctx.shared("webs", Webs).first.result(0)
        await until(lambda: web.peers)
        async with connected(web.url, "camera", Bars()):
            await until(lambda: ctx.drops.get("graph busy", 0) >= 15)
            (pc,) = web.peers.connections.values()
            waiting = [pc.getReceivers()[0].track._queue.qsize()]
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        return waiting

    with opened(stage) as it:
        assert asyncio.run(stall(it.ctx)) == [0]
