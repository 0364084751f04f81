"""`remove`, `replace` and `blur` build the right graph for every kind of input and output, and run it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import yaml

from bgflow import load, models
from bgflow.cli.everyday import Job, graph
from bgflow.errors import UsageError
from tests.commandline import bgflow

RNG = np.random.default_rng(3)


def stages(*args: str, **kw: object) -> dict[str, dict[str, object]]:
    """The graph of a job, checked, as data."""
    text = graph(Job(*args, **kw))  # type: ignore[arg-type]
    load("job", text)
    found: dict[str, dict[str, object]] = yaml.safe_load(text)["stages"]
    return found


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("source", "use", "params"),
    [
        ("a.JPG", "images.source", {"path": "a.JPG"}),
        ("photos", "images.source", {"path": "photos"}),
        ("photos/*.jpg", "images.source", {"path": "photos/*.jpg"}),
        ("s_%04d.png", "images.source", {"path": "s_%04d.png"}),
        ("talk.mp4", "file.source", {"path": "talk.mp4"}),
        ("file://talk.mp4", "file.source", {"path": "talk.mp4"}),
        ("/dev/video0", "camera.source", {"device": "/dev/video0"}),
        ("v4l2:///dev/video2", "camera.source", {"device": "/dev/video2"}),
        ("rtsp://u:p@host/s", "url.source", {"url": "rtsp://u:p@host/s"}),
        ("udp://@:5000", "url.source", {"url": "udp://@:5000"}),
        ("webrtc://@:9000", "webrtc.source", {"port": 9000}),
        ("synth://?frames=90&width=320", "synth.source", {"count": 90, "width": 320}),
    ],
)
def test_what_in_means(source: str, use: str, params: dict[str, object]) -> None:
    assert stages("blur", source, "null")["source"] == {"use": use, "set": params}


@pytest.mark.parametrize(
    ("target", "use", "params"),
    [
        ("out", "images.sink", {"path": "out", "overwrite": False}),
        ("out/", "images.sink", {"path": "out/", "overwrite": False}),
        ("photos", "images.sink", {"path": "photos", "overwrite": False}),
        ("o_%04d.png", "images.sink", {"path": "o_%04d.png", "overwrite": False}),
        ("o.webm", "file.sink", {"path": "o.webm", "overwrite": False}),
        ("preview://@:8081", "preview.sink", {"port": 8081}),
        ("preview", "preview.sink", {}),
        ("webrtc://0.0.0.0:8554", "webrtc.sink", {"address": "0.0.0.0", "port": 8554}),
        ("null", "null.sink", {}),
    ],
)
def test_what_out_means(target: str, use: str, params: dict[str, object]) -> None:
    sink = stages("blur", "talk.mp4", target)["sink"]
    assert (sink["use"], sink.get("set", {})) == (use, params)


def test_a_folder_keeps_the_names_of_its_pictures() -> None:
    assert stages("remove", "photos", "cut/")["sink"]["in"] == {"image": "remove.out", "name": "source.name"}


def test_a_videos_sound_is_kept_unless_it_is_refused() -> None:
    assert stages("blur", "a.mp4", "b.mp4")["sink"]["in"] == {"image": "blur.out", "audio": "source.audio"}
    assert stages("blur", "a.mp4", "b.mp4", audio=False)["sink"]["in"] == "blur.out"


def test_pictures_keep_the_networks_mask_and_videos_get_a_fixed_scale_and_a_fitted_edge() -> None:
    still, moving = stages("remove", "a.jpg", "b.png"), stages("remove", "a.mp4", "b.webm")
    assert still["net"]["set"] == {"model": "u2netp", "precision": "fp32", "scale": "minmax"}
    assert "edge" not in still
    assert moving["net"]["set"] == {"model": "u2netp"}
    assert moving["edge"]["set"] == {"radius": 0.5, "sharpen": 1}
    assert moving["remove"]["in"] == {"image": "source.image", "alpha": "edge.alpha"}


def test_a_precision_that_was_asked_for_is_kept_for_pictures() -> None:
    assert stages("remove", "a.jpg", "b.png", precision="bf16")["net"]["set"]["precision"] == "bf16"


def test_other_networks_come_with_their_own_layout_and_pictures_are_not_remembered() -> None:
    still, moving = stages("remove", "a.jpg", "b.png", model="rvm"), stages("remove", "a.mp4", "b.webm", model="rvm")
    assert (still["net"]["use"], moving["net"]["use"]) == ("net.mask", "net.mask")
    assert still["net"]["set"] == {"model": "rvm", "precision": "fp32", "memory": False}
    assert moving["net"]["set"] == {"model": "rvm"}
    assert stages("blur", "/dev/video0", "preview", model="selfie")["net"]["set"] == {"model": "selfie"}


def test_a_numbered_sequence_that_becomes_a_video_is_treated_as_one() -> None:
    assert stages("blur", "s_%04d.png", "b.mp4")["net"]["set"] == {"model": "u2netp"}


def test_a_videos_mask_is_carried_between_the_frames_the_network_sees() -> None:
    moving = stages("remove", "a.mp4", "b.webm")
    assert moving["net"]["every"] == {"motion": 10, "seconds": 0.5, "least": 3}
    assert moving["steady"] == {"use": "time.stabilise", "in": {"image": "source.image", "alpha": "net.alpha"}}
    assert moving["edge"]["in"]["alpha"] == "steady.alpha"


@pytest.mark.parametrize("asked", [{"every": 1}, {"every": 5}, {"model": "selfie"}])
def test_a_video_is_not_carried_where_a_pace_is_asked_for_or_the_network_is_another(asked: dict[str, object]) -> None:
    moving = stages("remove", "a.mp4", "b.webm", **asked)
    assert "steady" not in moving
    assert moving["net"].get("every", 1) == asked.get("every", 1)


def test_live_input_does_not_wait_for_the_network() -> None:
    net = stages("blur", "/dev/video0", "preview")["net"]
    assert (net["every"], net["thread"]) == (3, "net")
    asked = stages("blur", "/dev/video0", "preview", every=1, size=(320, 320))["net"]
    assert "every" not in asked
    assert asked["set"] == {"model": "u2netp"}


def test_feather_softens_a_pictures_edge_and_changes_nothing_else() -> None:
    assert stages("remove", "a.jpg", "b.png", feather=0.5)["edge"]["set"] == {
        "despeckle": 0,
        "radius": 0,
        "feather": 0.5,
    }


def test_mask_only_writes_the_matte() -> None:
    assert stages("remove", "a.jpg", "b.jpg", mask_only=True)["sink"]["in"] == "net.alpha"
    assert stages("remove", "a.mp4", "preview", mask_only=True)["sink"]["in"] == "mask.out"


def test_names_with_spaces_and_colons_survive_the_yaml() -> None:
    name = "my: photo #1 'é'.jpg"
    assert stages("remove", name, "b.png")["source"]["set"] == {"path": name}


@pytest.mark.parametrize(
    ("job", "told"),
    [
        (
            Job("remove", "a.mp4", "b.mp4"),
            "b.mp4: .mp4 cannot hold transparency; write .webm (VP9) or .mov (ProRes 4444), or add --mask-only",
        ),
        (
            Job("remove", "a.jpg", "b.jpg"),
            "b.jpg: .jpg cannot hold transparency; write .png or .webp, or add --mask-only",
        ),
        (
            Job("remove", "a.mp4", "preview"),
            "preview: a page shows no transparency; use `bgflow replace`, or add --mask-only",
        ),
        (
            Job("blur", "a.mp4", "o/b.png"),
            "o/b.png: is one picture, but a.mp4 is many; give a folder or o/b_%04d.png",
        ),
        (Job("blur", "a.mp4", "./a.mp4"), "./a.mp4: is the input too; give another name for the output"),
        (
            Job("blur", "a.mp4", "b.avi"),
            "b.avi: no format ends in '.avi'; there are .jpeg, .jpg, .m4v, .mkv, .mov, .mp4, .png, .webm, .webp",
        ),
        (Job("blur", "a.mp4", "b.mp5"), "b.mp5: no format ends in '.mp5'; did you mean '.mp4'?"),
        (Job("blur", "rtps://x", "b.mp4"), "rtps:// is not known; did you mean 'rtsps://'?"),
        (Job("blur", "null", "preview://@:x"), "preview://@:x: 'x' is no port; write for example preview://@:8080"),
        (
            Job("blur", "a.mp4", "rtsp://x"),
            "rtsp://x: cannot be an output; give a file, a folder, preview://@:8080, webrtc://@:8080 or null",
        ),
        (
            Job("blur", "preview://@:8080", "b.mp4"),
            "preview://@:8080: can only be an output; give a file, a camera or an address to read",
        ),
    ],
)
def test_what_does_not_go_together_is_refused_in_one_line(job: Job, told: str) -> None:
    with pytest.raises(UsageError) as e:
        graph(job)
    assert str(e.value) == told


def test_an_input_behind_a_link_is_not_written_over(here: Path) -> None:
    (here / "other.jpg").symlink_to("photo.jpg")
    with pytest.raises(UsageError) as e:
        graph(Job("blur", "other.jpg", "photo.jpg", overwrite=True))
    assert str(e.value) == "photo.jpg: is the input too; give another name for the output"


@pytest.mark.parametrize(
    ("name", "use"),
    [("100%.mp4", "file"), ("my%20dog.mp4", "file"), ("my%20dog.jpg", "images"), ("dog%3d.jpg", "images")],
)
def test_a_percent_sign_is_a_pattern_only_with_a_number_format(name: str, use: str) -> None:
    found = stages("blur", name, f"out/{name}")
    assert (found["source"]["use"], found["sink"]["use"]) == (f"{use}.source", f"{use}.sink")


def test_an_existing_file_goes_only_with_overwrite(here: Path) -> None:
    (here / "b.png").write_text("mine")
    told = bgflow("remove", "a.jpg", "b.png")
    assert (told.code, told.err) == (2, "b.png: exists already; add --overwrite, or give another name\n")
    assert stages("remove", "a.jpg", "b.png", overwrite=True)["sink"]["set"] == {"path": "b.png", "overwrite": True}


def test_print_graph_prints_what_would_run_and_runs_nothing(here: Path) -> None:
    told = bgflow("replace", "-b", "#204060", "a.jpg", "b.png", "--print-graph")
    assert told.code == 0
    assert told.out == graph(Job("replace", "a.jpg", "b.png", background="#204060"))
    assert load("printed.yaml", told.out).order[-1] == "sink"


def test_a_missing_model_is_told_with_the_command_that_fetches_it(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BGFLOW_MODELS", str(here / "store"))
    told = bgflow("remove", "a.jpg", "b.png")
    line = f"model 'u2netp' is not in {here}/store; run: bgflow models pull u2netp\n"
    assert (told.code, told.err) == (2, line)


# -- with the network ------------------------------------------------------------------------------------------------


@pytest.fixture
def network() -> None:
    if not models.get("u2netp").path.is_file():
        pytest.skip("needs u2netp: bgflow models pull u2netp")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("none.jpg", "none.jpg: no such file or folder\n"),
        ("none.mp4", "none.mp4: no such file\n"),
        ("photos", "photos: holds no picture; "),
    ],
)
def test_a_missing_input_is_one_line_and_2(network: None, source: str, told: str) -> None:
    got = bgflow("blur", source, "out/")
    assert got.code == 2
    assert got.err.startswith(told)
    assert len(got.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "code", "told"),
    [
        (("no/o.mp4",), 2, "no/o.mp4: cannot be written: there is no folder 'no'; make it first\n"),
        (("o.mp4", "--model", "u2nep"), 2, "there is no model 'u2nep'; did you mean 'u2netp'?\n"),
        (
            ("o.mp4", "--size", "7x320"),
            2,
            "bgflow blur: invalid value for '--size': '7x320' is out of range; height and width are 32 to 2048, "
            "as in 192x320; see bgflow blur -h\n",
        ),
        (("o.mp4", "--engine", "openvin"), 2, "there is no engine 'openvin'; did you mean 'openvino'?\n"),
        (("o.mp4", "--size", "100x100"), 2, "100 is not a multiple of 32; 96 or 128 would be\n"),
        (
            ("o.mp4", "--set", "blur.radus=3"),
            2,
            "--set blur.radus=3: compose.blur has no parameter 'radus'; did you mean 'radius'?\n",
        ),
        (
            ("o.mp4", "--size", "3"),
            2,
            "bgflow blur: invalid value for '--size': '3' is no size; write height x width, as in 192x320; "
            "see bgflow blur -h\n",
        ),
    ],
)
def test_errors_of_a_verb_name_no_place_in_a_graph_that_nobody_wrote(
    network: None, here: Path, options: tuple[str, ...], code: int, told: str
) -> None:
    clip(here / "a.mp4", 1)
    got = bgflow("blur", "a.mp4", *options)
    assert got.code == code
    assert got.err.splitlines(keepends=True)[-1] == told


def test_a_truncated_video_is_told_and_nothing_is_written(network: None, here: Path) -> None:
    clip(here / "a.mp4")
    (here / "cut.mp4").write_bytes((here / "a.mp4").read_bytes()[:2000])
    told = bgflow("blur", "cut.mp4", "o.mp4")
    line = "cut.mp4: has no index (moov box), so it was cut off while it was recorded or copied; copy it again\n"
    assert (told.code, told.err) == (2, line)
    assert not (here / "o.mp4").exists()


def test_a_picture_of_0_bytes_is_one_line_and_2(network: None, here: Path) -> None:
    (here / "a.png").write_bytes(b"")
    told = bgflow("remove", "a.png", "b.png")
    assert (told.code, told.err) == (2, "a.png: is empty (0 bytes)\n")


def test_a_missing_background_is_told_with_what_would_be_right(network: None, here: Path) -> None:
    clip(here / "a.mp4", 1)
    told = bgflow("replace", "-b", "none.jpg", "a.mp4", "b.mp4")
    assert told.code == 2
    assert "none.jpg is no colour, and there is no such file; give a colour such as '#00b140'" in told.err


def picture(path: Path, h: int = 48, w: int = 64) -> None:
    from PIL import Image

    path.parent.mkdir(exist_ok=True)
    Image.fromarray(RNG.integers(0, 256, (h, w, 3), dtype=np.uint8)).save(path)


def clip(path: Path, frames: int = 6) -> list[int]:
    """A small video whose frames are not evenly spaced; returns their time stamps in 1/1000 s."""
    import av

    times = [n * 40 + 7 * (n % 3) for n in range(frames)]
    with av.open(str(path), "w", options={"video_track_timescale": "1000"}) as out:
        stream = out.add_stream("libx264", rate=25, options={"bf": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        for time in times:
            frame = av.VideoFrame.from_ndarray(RNG.integers(0, 256, (48, 64, 3), dtype=np.uint8))
            frame.pts, frame.time_base = time, Fraction(1, 1000)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
    return times


def test_remove_cuts_out_a_folder_of_pictures_of_several_sizes(network: None, here: Path) -> None:
    from PIL import Image

    picture(here / "photos/one.jpg")
    picture(here / "photos/two.png", 31, 17)
    (here / "photos/bad.jpg").write_bytes(b"")
    told = bgflow("remove", "photos", "cut", "--report", "r.json")
    assert told.code == 0
    assert "photos/bad.jpg: is empty (0 bytes); skipped" in told.err
    found = {p.name: Image.open(p) for p in (here / "cut").iterdir()}
    assert {name: (p.mode, p.size) for name, p in found.items()} == {
        "one.png": ("RGBA", (64, 48)),
        "two.png": ("RGBA", (17, 31)),
    }


def test_replace_of_a_video_keeps_every_time_stamp(network: None, here: Path) -> None:
    import av

    times = clip(here / "a.mp4")
    told = bgflow("replace", "-b", "#204060", "a.mp4", "b.mp4")
    assert told.code == 0, told.err
    with av.open("b.mp4") as container:
        got = [Fraction(f.pts) * f.time_base for f in container.decode(video=0) if f.pts is not None and f.time_base]
    assert got == [Fraction(t, 1000) for t in times]


def test_remove_of_a_video_writes_transparency(network: None, here: Path) -> None:
    import av

    clip(here / "a.mp4", 2)
    assert bgflow("remove", "a.mp4", "b.mov").code == 0
    with av.open("b.mov") as container:
        assert all("yuva444" in f.format.name for f in container.decode(video=0))


@pytest.mark.slow
def test_the_goldens_are_met_by_the_default_precision(network: None, data: Path, here: Path) -> None:
    from PIL import Image

    goldens = data / "u2net_goldens"
    told = bgflow("remove", goldens / "test_images", "cut")
    assert told.code == 0, told.err
    differences = []
    for file in (here / "cut").iterdir():
        alpha = np.asarray(Image.open(file))[..., 3].astype(float)
        wanted = Image.open(goldens / "u2netp_results" / file.name).convert("L").resize(alpha.shape[::-1])
        differences.append(np.abs(alpha - np.asarray(wanted)).mean() / 255)
    assert len(differences) == 18
    assert np.mean(differences) <= 0.007
