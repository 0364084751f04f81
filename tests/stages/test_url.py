"""url.source against real servers on 127.0.0.1: reconnection, rising time, and no password in any message."""

from __future__ import annotations

import contextlib
import functools
import http.server
import itertools
import socket
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from bgflow.devices import device, to_host
from bgflow.errors import MediaError
from bgflow.media.container import redacted
from bgflow.media.live import Backoff
from bgflow.stages.url import Source
from bgflow.testing import opened
from tests import media

FAST = {"first_pause": 0.01, "longest_pause": 0.05, "timeout": 2.0}


@contextlib.contextmanager
def serving(data: bytes, port: int = 0) -> Iterator[int]:
    """An HTTP server that sends `data` to every caller and hangs up; its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404 if "none" in self.path else 200)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        allow_reuse_address = True

    with Server(("127.0.0.1", port), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def stream(tmp_path: Path) -> bytes:
    """A second of MPEG-TS with sound."""
    path = tmp_path / "a.ts"
    media.clip(path, pts=[9000 * n for n in range(10)], frames=10, sound="aac", format="mpegts")
    return path.read_bytes()


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def test_the_first_picture_is_at_0_and_the_rest_keep_their_distance(stream: bytes, tmp_path: Path):
    with serving(stream) as port, opened(Source(url=f"http://127.0.0.1:{port}/a.ts", **FAST)) as s:
        got = list(s.frames(10))
        assert s.stage.time_base == Fraction(1, 90_000)
    times = media.times(tmp_path / "a.ts")[0]
    assert times[0] > 0
    assert [pts * s.stage.time_base for pts, _ in got] == [t - times[0] for t in times]
    assert got[0][1]["image"].shape == (48, 64, 3)


def test_an_accelerator_is_given_each_frame_once_and_shows_the_same_picture(stream: bytes):
    found = {}
    before = device("fake").meter.read()
    for on in ("cpu", "fake"):
        with serving(stream) as port:
            source = Source(url=f"http://127.0.0.1:{port}/a.ts", **FAST)
            with opened(source, on, wired={"image"}) as s:
                found[on] = [to_host(value["image"]).copy() for _, value in s.frames(10)]
    assert source.copies() == (1, 0)
    assert device("fake").meter.read().minus(before).ups == len(found["fake"]) == 10
    assert all(np.array_equal(a, b) for a, b in zip(found["cpu"], found["fake"], strict=True))


def test_sound_is_set_aside_with_every_picture(stream: bytes):
    with serving(stream) as port, opened(Source(url=f"http://127.0.0.1:{port}/a.ts", **FAST)) as s:
        got = list(s.frames(10))
    assert len({id(value["audio"]) for _, value in got}) == 1
    assert got[0][1]["audio"].codec == "aac"
    assert got[0][1]["audio"].take()


def test_a_stream_that_ends_is_connected_again_and_time_goes_on(stream: bytes):
    with serving(stream) as port, opened(Source(url=f"http://127.0.0.1:{port}/a.ts", **FAST)) as s:
        stamps = [pts for pts, _ in s.frames(35)]
    steps = [b - a for a, b in itertools.pairwise(stamps)]
    assert min(steps) > 0
    assert steps[10:19] == [9000] * 9
    assert s.ctx.drops == {"connection lost": 3}


def test_a_file_on_a_web_server_is_played_once(tmp_path: Path):
    media.clip(tmp_path / "a.mp4", frames=8, options={"movflags": "faststart"})
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            with opened(Source(url=f"http://127.0.0.1:{server.server_address[1]}/a.mp4", **FAST)) as s:
                assert len(list(s.frames(20))) == 8
        finally:
            server.shutdown()
            thread.join()
    assert s.ctx.drops == {}


def test_sound_goes_on_after_a_break_and_keeps_its_distance_to_the_pictures(stream: bytes):
    with serving(stream) as port, opened(Source(url=f"http://127.0.0.1:{port}/a.ts", **FAST)) as s:
        got = list(s.frames(20))
        sound = [p.dts * p.time_base for p in got[0][1]["audio"].take()]
    assert got[0][1]["audio"] is got[19][1]["audio"]
    assert sound == sorted(set(sound))
    gap = float((got[10][0] - got[9][0]) * s.stage.time_base)
    steps = [float(b - a) for a, b in itertools.pairwise(sound)]
    assert abs(max(steps) - gap) < 0.5
    assert sound[0] < 0.5
    assert sound[-1] > got[15][0] * s.stage.time_base


def test_a_server_that_dies_and_returns_is_found_again(stream: bytes):
    port = free_port()
    with contextlib.ExitStack() as first:
        first.enter_context(serving(stream, port))
        with opened(Source(url=f"http://127.0.0.1:{port}/a.ts", **FAST)) as s:
            frames = s.frames(20)
            stamps = [next(frames)[0] for _ in range(10)]
            first.close()
            again = threading.Event()

            def restart() -> None:
                with serving(stream, port):
                    again.wait(10)

            thread = threading.Timer(0.04, restart)
            thread.start()
            stamps += [pts for pts, _ in frames]
            again.set()
            thread.join()
    assert len(stamps) == 20
    assert stamps == sorted(set(stamps))
    assert s.ctx.drops == {"connection lost": 1}


def test_the_gap_of_a_break_is_in_the_time(stream: bytes):
    slow = {**FAST, "first_pause": 0.3, "longest_pause": 0.3}
    with serving(stream) as port, opened(Source(url=f"http://127.0.0.1:{port}/a.ts", **slow)) as s:
        stamps = [pts for pts, _ in s.frames(11)]
    assert 0.14 < (stamps[10] - stamps[9]) / 90_000 < 2


def test_attempts_are_limited_when_asked(stream: bytes):
    with contextlib.ExitStack() as server:
        port = server.enter_context(serving(stream))
        with opened(Source(url=f"http://127.0.0.1:{port}/a.ts", attempts=3, **FAST)) as s:
            frames = s.frames()
            for _ in range(10):
                next(frames)
            server.close()
            with pytest.raises(MediaError) as caught:
                next(frames)
    assert str(caught.value) == (
        f"http://127.0.0.1:{port}/a.ts: cannot be opened: connection refused; gave up after 3 attempts to reconnect"
    )


def test_the_run_ends_while_waiting_to_reconnect(stream: bytes):
    patient = {**FAST, "first_pause": 10.0, "longest_pause": 10.0}
    with serving(stream) as port, opened(Source(url=f"http://127.0.0.1:{port}/a.ts", **patient)) as s:
        threading.Timer(0.2, s.ctx.stop).start()
        assert len(list(s.frames())) == 10


def test_udp_is_received(stream: bytes):
    port = free_port()
    done = threading.Event()

    def send() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            while not done.is_set():
                for n in range(0, len(stream), 1316):
                    s.sendto(stream[n : n + 1316], ("127.0.0.1", port))
                    done.wait(0.001)

    sender = threading.Thread(target=send)
    sender.start()
    try:
        with opened(Source(url=f"udp://127.0.0.1:{port}", timeout=10.0), wired={"image"}) as s:
            assert [value["image"].shape for _, value in s.frames(5)] == [(48, 64, 3)] * 5
    finally:
        done.set()
        sender.join()


def test_a_first_connection_that_fails_is_an_error_without_the_password():
    port = free_port()
    source = Source(url=f"http://me:secret@127.0.0.1:{port}/a.ts?token=abc", **FAST)
    with pytest.raises(MediaError) as caught, opened(source):
        pass
    assert str(caught.value) == f"http://me:***@127.0.0.1:{port}/a.ts?token=***: cannot be opened: connection refused"
    assert caught.value.exit_code == 2
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_missing_page_is_an_error(stream: bytes):
    with (
        serving(stream) as port,
        pytest.raises(MediaError) as caught,
        opened(Source(url=f"http://127.0.0.1:{port}/none", **FAST)),
    ):
        pass
    assert str(caught.value) == f"http://127.0.0.1:{port}/none: cannot be opened: server returned 404 Not Found"


def test_patient_waits_for_the_first_connection(stream: bytes):
    port = free_port()
    again = threading.Event()

    def start() -> None:
        with serving(stream, port):
            again.wait(10)

    thread = threading.Timer(0.05, start)
    thread.start()
    with opened(Source(url=f"http://127.0.0.1:{port}/a.ts", patient=True, **FAST)) as s:
        assert len(list(s.frames(10))) == 10
    again.set()
    thread.join()


def test_a_silent_server_times_out():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(MediaError) as caught, opened(Source(url=f"http://127.0.0.1:{port}/a.ts", timeout=0.2)):
            pass
    assert str(caught.value) in (
        f"http://127.0.0.1:{port}/a.ts: did not answer within 0.2 s",
        f"http://127.0.0.1:{port}/a.ts: cannot be opened: connection timed out",
    )


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("rstp://cam/1", "rstp:// is not known; did you mean rtsp://?"),
        ("gopher9://x", "gopher9:// is not known; there are rtsp, rtsps, rtp, http, https, srt, udp, tcp, rtmp"),
        ("clip.mp4", "'clip.mp4' is no address; write rtsp://host/path, or use file.source for a file"),
    ],
)
def test_a_wrong_address_is_found_without_opening_anything(url: str, text: str):
    assert list(Source(url=url).problems()) == [("url", text)]


def test_every_scheme_gets_its_own_options():
    assert Source(url="rtsp://h/1", transport="udp", latency=50, timeout=2.0).options() == {
        "max_delay": "50000",
        "rtsp_transport": "udp",
        "timeout": "2000000",
    }
    assert Source(url="srt://h:9", latency=50).options()["latency"] == "50000"
    assert Source(url="http://h/", timeout=2.0).options()["rw_timeout"] == "2000000"
    assert "rtp" in Source(url="room.sdp").options()["protocol_whitelist"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://user:pw@host/1", "rtsp://user:***@host/1"),
        ("rtsp://user:p@w:x@host/1", "rtsp://user:***@host/1"),
        ("rtsp://host:554/1", "rtsp://host:554/1"),
        ("srt://h:1?passphrase=abc&mode=caller", "srt://h:1?passphrase=***&mode=caller"),
        ("https://h/live?x=1&Token=t", "https://h/live?x=1&Token=***"),
    ],
)
def test_secrets_are_redacted(address: str, shown: str):
    assert redacted(address) == shown


def test_pauses_double_up_to_the_longest_with_jitter():
    backoff = Backoff(0.2, 10)
    for attempt, whole in [(1, 0.2), (2, 0.4), (6, 6.4), (7, 10), (1000, 10)]:
        pauses = {backoff.pause(attempt) for _ in range(50)}
        assert whole / 2 <= min(pauses) < max(pauses) <= whole
