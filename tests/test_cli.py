"""The command line: exit codes, one-line errors, signals."""

from __future__ import annotations

import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import click
import pytest

import bgflow.cli.commands
import tests.toys
from bgflow import In, Stage, cli
from bgflow.errors import MediaError, UsageError
from bgflow.registry import builtin
from tests.commandline import bgflow as run_bgflow

assert tests.toys

GRAPH = """\
device: cpu
stages:
  src: {use: toy.count, set: {frames_: 5}}
  add: {use: toy.add, in: src.image}
  end: {use: null.sink, in: add.out}
"""
BAD = """\
stages:
  src: {use: toy.cuont}
  end: {use: null.sink, in: sorce.image}
"""


@pytest.fixture
def graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("g.yaml").write_text(GRAPH)
    Path("bad.yaml").write_text(BAD)
    return tmp_path / "g.yaml"


def test_every_command_is_found_by_its_file_and_explains_itself() -> None:
    told = run_bgflow("--help")
    assert told.code == 0
    files = {p.stem for p in Path(bgflow.cli.commands.__file__).parent.glob("*.py")} - {"__init__"}
    for name in files:
        assert f"\n  {name} " in told.out
        assert run_bgflow(name, "-h").code == 0


def test_version_is_printed() -> None:
    assert run_bgflow("--version").out == f"bgflow {bgflow.__version__}\n"


def test_an_unknown_command_is_told_with_the_nearest_and_2() -> None:
    told = run_bgflow("rum")
    assert (told.code, told.err) == (2, "bgflow: there is no command 'rum'; did you mean 'run'?\n")


@pytest.mark.parametrize(
    ("args", "line"),
    [
        (("run",), "bgflow run: missing argument 'GRAPH'; see bgflow run -h\n"),
        (("run", "g.yaml", "--fames", "3"), "bgflow run: there is no option '--fames'; did you mean '--frames'?\n"),
        (
            ("run", "g.yaml", "--frames", "x"),
            "bgflow run: invalid value for '--frames': 'x' is not a valid integer range; see bgflow run -h\n",
        ),
        (
            ("run", "g.yaml", "--radius", "3"),
            "bgflow run: there is no option '--radius'; see bgflow run -h\n",
        ),
        (
            ("run", "synth_dem"),
            "bgflow run: invalid value for 'GRAPH': 'synth_dem' is no file, and no graph that comes with bgflow; "
            "did you mean 'synth_demo'?\n",
        ),
        (("run", "no/g.yaml"), "no/g.yaml: there is no such graph file; give the path of a .yaml file\n"),
        (("run", "g.yaml", "--report", "."), "--report .: is a folder; give the name of a file to write\n"),
        (
            ("run", "g.yaml", "--set", "add.amount=much"),
            "--set add.amount=much: amount: input should be a valid integer, not 'much'\n",
        ),
        (("run", "gg.yaml"), "gg.yaml: there is no such graph file; did you mean 'g.yaml'?\n"),
        (
            ("run", "g.yaml", "--device", "gpu"),
            "bgflow run: invalid value for '--device': there is no device 'gpu'; did you mean 'cpu'?\n",
        ),
        (
            ("run", "g.yaml", "--set", "add.amont=3"),
            "--set add.amont=3: toy.add has no parameter 'amont'; did you mean 'amount'?\n",
        ),
        (
            ("run", "g.yaml", "--set", "add.amount=300"),
            "--set add.amount=300: amount: input should be less than or equal to 255, not 300\n",
        ),
        (("run", "g.yaml", "--set", "add"), "--set add: write it as --set stage.param=value\n"),
        (("run", "g.yaml", "--report", "no/r.json"), "--report no/r.json: there is no folder 'no'; make it first\n"),
        (
            ("graph", "g.yaml", "--format", "pgn"),
            "bgflow graph: invalid value for '--format': 'pgn' is not one of 'text', 'mermaid', 'svg'; see",
        ),
        (("stages", "toy.cont"), "no stage is called 'toy.cont'; did you mean 'toy.count'?\n"),
    ],
)
def test_a_request_that_cannot_start_is_one_line_and_2(graph: Path, args: tuple[str, ...], line: str) -> None:
    told = run_bgflow(*args)
    assert told.code == 2
    assert told.err.startswith(line)
    assert "Traceback" not in told.err


def test_run_says_device_and_frame_memory_before_the_start_and_the_result_in_one_line(graph: Path) -> None:
    told = run_bgflow("run", graph)
    assert told.code == 0
    device, memory, summary = told.err.splitlines()
    assert device == "device cpu: as asked"
    assert re.fullmatch(r"frame memory: [\d,]+ bytes", memory)
    assert summary.startswith("g: 5 frames in ")


def test_frames_stops_early_and_the_report_says_what_happened(graph: Path) -> None:
    assert run_bgflow("run", graph, "--frames", "3", "--report", "r.json").code == 0
    content = json.loads(Path("r.json").read_text())
    assert content["frames"] == 3
    assert content["stages"]["add"]["count"] == 3
    assert content["errors"] == []


def test_plan_prints_memory_and_runs_nothing(graph: Path) -> None:
    tests.toys.EVENTS.clear()
    told = run_bgflow("run", graph, "--plan")
    assert told.code == 0
    assert "frame memory: " in told.out
    assert tests.toys.EVENTS == []


def test_a_failing_stage_is_one_line_with_its_place_and_1_and_is_in_the_report(graph: Path) -> None:
    told = run_bgflow("run", graph, "--set", "add.fail=process", "--report", "r.json")
    line = f"{graph}:4:3: stage 'add' failed in process at frame 3: ValueError: process"
    assert (told.code, told.err.splitlines()[-1]) == (1, line)
    assert json.loads(Path("r.json").read_text())["errors"] == [line]


def test_verbose_adds_the_traceback(graph: Path) -> None:
    told = run_bgflow("run", "-v", graph, "--set", "add.fail=process")
    assert told.code == 1
    assert "Traceback" in told.err
    assert "raise ValueError(doing)" in told.err


def test_check_tells_every_problem_of_every_graph_and_2(graph: Path) -> None:
    told = run_bgflow("check", "g.yaml", "bad.yaml")
    assert (told.code, told.out) == (2, "g.yaml: ok, 3 stages\n")
    assert told.err.splitlines()[0::3] == [
        "bad.yaml:2:14: no stage is called 'toy.cuont'; did you mean 'toy.count'?",
        "bad.yaml:3:29: no stage is named 'sorce'; did you mean 'src'?",
        "bad.yaml: 2 problems",
    ]


def test_check_opens_no_file(graph: Path) -> None:
    Path("f.yaml").write_text(
        "stages:\n  a: {use: file.source, set: {path: none.mp4}}\n  b: {use: null.sink, in: a.image}\n"
    )
    assert run_bgflow("check", "f.yaml").code == 0


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> list[BaseException]:
    """A command `check` that raises what the list holds."""
    errors: list[BaseException] = []

    @click.command("check")
    def command() -> None:
        raise errors[0]

    monkeypatch.setattr("bgflow.cli.commands.check.command", command)
    return errors


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (UsageError("a: is wrong"), 2, "a: is wrong\n"),
        (MediaError("b: broke"), 1, "b: broke\n"),
        (KeyboardInterrupt(), 130, "\ninterrupted\n"),
        (
            ZeroDivisionError("division by zero"),
            70,
            "internal error: ZeroDivisionError: division by zero; run with -v for the traceback\n",
        ),
        (BaseExceptionGroup("two", [MediaError("b: broke"), UsageError("a: is wrong")]), 2, "b: broke\na: is wrong\n"),
    ],
)
def test_what_a_command_raises_decides_the_exit_code(
    planted: list[BaseException], error: BaseException, code: int, text: str
) -> None:
    planted.append(error)
    told = run_bgflow("check")
    assert (told.code, told.err) == (code, text)


def test_warnings_and_debug_lines_name_their_place(capsys: pytest.CaptureFixture[str]) -> None:
    handler = cli.Plain()
    for name, level in (("bgflow.cam", logging.WARNING), ("bgflow.run", logging.INFO), ("bgflow.cam", logging.DEBUG)):
        handler.emit(logging.LogRecord(name, level, "", 0, "dark", None, None))
    assert capsys.readouterr().err == "warning: cam: dark\ndark\nbgflow.cam: dark\n"


def test_stages_lists_every_stage_with_a_line_about_it() -> None:
    lines = run_bgflow("stages").out.splitlines()
    assert [line.split()[0] for line in lines] == list(builtin())
    assert all(len(line.split()) > 2 for line in lines)


def test_stages_of_one_shows_ports_and_parameters_from_the_code(graph: Path) -> None:
    assert run_bgflow("stages", "toy.add").out == (
        "toy.add  (stage)\n\nAdds a number; may fail on purpose.\n\n"
        "inputs:\n  image: u8[h,w,3] rgb\n\noutputs:\n  out: u8[h,w,3] rgb\n\n"
        "parameters:\n  amount: integer, 0 to 255, default 1, hot\n"
        "  fail: string, default ''\n  at: integer, default 3\n"
    )
    assert "  other: u8[h,w,3] rgb  (hold, optional)\n" in run_bgflow("stages", "toy.pair").out


def test_stages_as_json_holds_the_same(graph: Path) -> None:
    [about] = json.loads(run_bgflow("stages", "toy.add", "--json").out)
    assert about["parameters"]["amount"] == {
        "type": "integer",
        "required": False,
        "default": 1,
        "range": "0 to 255",
        "unit": "",
        "hot": True,
        "description": "",
    }


def test_every_built_in_stage_describes_itself_and_its_parameters() -> None:
    for about in json.loads(run_bgflow("stages", "--json").out):
        assert about["docs"], about["use"]
        for name, param in about["parameters"].items():
            assert param["description"], f"{about['use']}.{name}"


def test_doctor_finds_what_bgflow_needs_and_says_how_to_get_the_rest() -> None:
    told = run_bgflow("doctor", "--json")
    findings = json.loads(told.out)
    assert told.code == 0
    assert {f["what"] for f in findings} >= {
        "python",
        "processor",
        "numba",
        "av",
        "openvino",
        "model u2netp",
        "cameras",
    }
    assert all(f["remedy"] for f in findings if f["state"] != "ok" and f["what"] != "cameras")


def test_doctor_ends_with_1_when_something_needed_is_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    told = run_bgflow("doctor")
    assert told.code == 1
    assert re.search(r"^broken  openvino +not installed$", told.out, re.M)
    assert "-> pip install openvino\n" in told.out


# -- whole processes ------------------------------------------------------------------------------------------------

STAGES = """\
import itertools, threading
from bgflow import In, Out, Stage

class Endless(Stage):
    image = Out("u8[h,w,3] rgb")

    def frames(self):
        for n in itertools.count():
            image = self.ctx.empty("image", h=48, w=64)
            image[...] = n % 256
            yield n * 10_000_000, image

class Stuck(Stage):
    image = In("u8[h,w,3] rgb")

    def process(self, image):
        print("stuck", flush=True)
        threading.Event().wait()
"""
ENDLESS = """\
device: cpu
stages:
  src: {use: "endless.py:Endless"}
  end: {use: file.sink, in: src.image, set: {path: out.mp4, gop: 10}}
"""
STUCK = """\
device: cpu
stages:
  src: {use: "endless.py:Endless"}
  end: {use: "endless.py:Stuck", in: src.image}
"""


def started(folder: Path, graph: str) -> subprocess.Popen[str]:
    """`bgflow run` of a graph that never ends, in a process of its own."""
    (folder / "endless.py").write_text(STAGES)
    (folder / "endless.yaml").write_text(graph)
    return subprocess.Popen(
        [sys.executable, "-m", "bgflow", "run", "endless.yaml"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_finishes_the_file_and_ends_with_0(tmp_path: Path, number: signal.Signals) -> None:
    import av

    process = started(tmp_path, ENDLESS)
    file, pause = tmp_path / "out.mp4", threading.Event()
    while process.poll() is None and not (file.exists() and file.stat().st_size):
        pause.wait(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    frames = int(re.findall(r"endless: (\d+) frames in", err)[0])
    with av.open(str(file)) as container:
        assert sum(1 for _ in container.decode(video=0)) == frames


def test_a_third_interrupt_ends_a_stage_that_never_returns_with_130(tmp_path: Path) -> None:
    process = started(tmp_path, STUCK)
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline() == "stuck\n"
    process.send_signal(signal.SIGINT)
    told = [process.stderr.readline() for _ in range(3)][-1]
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        threading.Event().wait(0.05)
    process.communicate()
    assert process.returncode == 130
    assert told == "finishing what is under way; Ctrl-C again throws it away\n"


def test_an_interrupt_that_an_import_turns_into_another_error_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: object, **how: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(10)
        except KeyboardInterrupt:
            raise ImportError("half imported") from None

    before = signal.getsignal(signal.SIGINT)
    monkeypatch.setattr("bgflow.cli.cli.main", broken)
    told = run_bgflow("run", "g.yaml")
    assert (told.code, told.err) == (130, "interrupted\n")
    assert signal.getsignal(signal.SIGINT) is before


class Interrupt(Stage, use="toy.interrupt"):
    """Presses Ctrl-C at its third frame, `times` times."""

    image = In("u8[h,w,3] rgb")
    times: int = 1

    def process(self, image: object) -> None:
        if self.ctx.frame.seq == 2:
            for _ in range(self.times):
                os.kill(os.getpid(), signal.SIGINT)
                self.ctx.wait(10)  # one signal at a time: two at once are one to the system


@pytest.mark.parametrize(("times", "code"), [(1, 0), (2, 130)])
def test_the_second_interrupt_throws_away_what_is_under_way_and_ends_with_130(
    tmp_path: Path, times: int, code: int
) -> None:
    text = (
        "stages:\n  src: {use: toy.count, set: {frames_: 0}}\n  end: {use: toy.interrupt, in: src, set: {times: %d}}\n"
    )
    (tmp_path / "g.yaml").write_text(text % times)
    before = signal.getsignal(signal.SIGINT)
    told = run_bgflow("run", tmp_path / "g.yaml", "--report", tmp_path / "r.json")
    assert told.code == code
    assert json.loads((tmp_path / "r.json").read_text())["errors"] == []
    assert signal.getsignal(signal.SIGINT) is before


def test_check_runs_in_a_process_without_a_network_or_a_video_library(tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_text(
        "stages:\n  a: {use: synth.source}\n  b: {use: file.sink, in: a, set: {path: a.mp4}}\n"
    )
    code = (
        "import sys; from bgflow.cli import main; assert main(['check', 'g.yaml']) == 0; "
        "assert not {'av', 'numba', 'openvino', 'onnxruntime', 'rich', 'aiohttp', 'PIL'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True, capture_output=True)
