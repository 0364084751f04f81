"""`load` finds every problem at once and points at it."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tests.toys as toys
from bgflow import load
from bgflow.errors import BgflowError, GraphError, UsageError

assert toys  # registers the toy stages


def problems(text: str, **kw: object) -> str:
    with pytest.raises(GraphError) as e:
        load("g.yaml", textwrap.dedent(text), **kw)  # type: ignore[arg-type]
    return str(e.value)


def one(stages: str) -> str:
    return "stages:\n" + textwrap.indent(textwrap.dedent(stages).strip(), "  ")


SOURCE = "src: {use: toy.count}\n"


def test_every_problem_is_told_at_once_with_place_caret_and_suggestion() -> None:
    told = problems("""\
        device: cpu
        stages:
          src: {use: toy.cuont, set: {width: 6}}
          two: {use: toy.count, set: {width: 0, heigt: 3}}
          a: {use: toy.add, in: two.imaeg, evry: 2}
    """)
    assert told.splitlines() == [
        "g.yaml:3:14: no stage is called 'toy.cuont'; did you mean 'toy.count'?",
        "      src: {use: toy.cuont, set: {width: 6}}",
        "                 ^",
        "g.yaml:4:38: width: input should be greater than or equal to 1, not 0",
        "      two: {use: toy.count, set: {width: 0, heigt: 3}}",
        "                                         ^",
        "g.yaml:4:41: toy.count has no parameter 'heigt'; did you mean 'height'?",
        "      two: {use: toy.count, set: {width: 0, heigt: 3}}",
        "                                            ^",
        "g.yaml:5:36: unknown key 'evry'; did you mean 'every'?",
        "      a: {use: toy.add, in: two.imaeg, evry: 2}",
        "                                       ^",
    ]


@pytest.mark.parametrize(
    ("stages", "told"),
    [
        (SOURCE + "a: {use: toy.add, in: src.imag}", "src (toy.count) has no output 'imag'; did you mean 'image'?"),
        (SOURCE + "a: {use: toy.add, in: scr.image}", "no stage is named 'scr'; did you mean 'src'?"),
        (SOURCE + "p: {use: toy.exact, in: {image: src}}", "p needs its input 'other'"),
        (SOURCE + "p: {use: toy.pair, in: {imgae: src}}", "toy.pair has no input 'imgae'; did you mean 'image'?"),
        (SOURCE + "p: {use: toy.pair, in: 3}", "'in' is one output, or {input: output, …}"),
        (SOURCE + "p: {use: toy.pair, in: {image: 3}}", "an input is wired to 'stage.output', not 3"),
        (
            SOURCE + "s: {use: toy.straight, in: src.image}",
            "src.image is u8[h,w,3] rgb, but s.rgba wants u8[h,w,4] straight",
        ),
        (SOURCE, "src leads nowhere; wire src.image into a stage or remove it"),
        ("p: {use: toy.pair}", "p needs its input 'image'"),
        (SOURCE + "p: {in: src}", "p needs 'use: family.stage'"),
        (SOURCE + "p: {use: toy.pair, in: src, every: 0}", "every is a whole number from 1, or auto, not 0"),
        (
            "src: {use: toy.count, every: 2}\np: {use: toy.pair, in: src}",
            "src is a source; 'every' belongs to a stage after it",
        ),
        (
            "src: {use: toy.count, every: auto}\np: {use: toy.pair, in: src}",
            "src is a source; 'every' belongs to a stage after it",
        ),
        (
            SOURCE + "p: {use: toy.pair, in: src, every: atuo}",
            "every is a whole number from 1, or auto, not 'atuo'",
        ),
        (
            SOURCE + "p: {use: toy.pair, in: src, every: {motoin: 1}}",
            "every: auto has no parameter 'motoin'; did you mean 'motion'?",
        ),
        (
            SOURCE + "p: {use: toy.pair, in: src, every: {seconds: 0}}",
            "seconds: input should be greater than 0, not 0",
        ),
        (
            SOURCE + "p: {use: null.sink, in: src, every: auto}",
            "every: auto watches a picture, but null.sink takes none; give a number",
        ),
        (SOURCE + "p: {use: toy.pair, in: src, device: cudda}", "there is no device 'cudda'; did you mean 'cuda'?"),
        (SOURCE + "p: {use: toy.pair, in: src, set: [1]}", "'set' holds parameters: {name: value, …}"),
        (SOURCE + "src: {use: toy.count}", "'src' is already set on line 2"),
        (SOURCE + "a: &x {use: toy.pair, in: src}\nb: {<<: *x}", "'<<' merges are not read; write the keys out"),
        (
            SOURCE + "a: {use: toy.add, in: src, set: {fail: no}}",
            "no is false in YAML 1.1; write false, or 'no' in quotes",
        ),
        (
            SOURCE + "a: {use: toy.add, in: src, set: {fail: 12:30}}",
            "12:30 is a number to the base 60 in YAML 1.1; write '12:30' in quotes",
        ),
        (
            SOURCE + "a: {use: toy.add, in: src, set: {amount: 010}}",
            "010 is octal in YAML 1.1; write 10, or '010' in quotes",
        ),
        (
            SOURCE + "a: {use: toy.add, in: src, set: {fail: 2020-01-02}}",
            "2020-01-02 is a date in YAML 1.1; write '2020-01-02' in quotes",
        ),
        ("src: {use: 'nofile.py:X'}", "there is no file 'nofile.py' beside the graph"),
        ("src: {use: 'json:JSONDecoder'}", "json has no stage class 'JSONDecoder'"),
    ],
)
def test_each_mistake_has_its_own_sentence(stages: str, told: str) -> None:
    assert told in [line.partition(": ")[2] for line in problems(one(stages)).splitlines() if line.startswith("g.yaml")]


def test_a_cycle_is_told_as_a_ring() -> None:
    told = problems(one("a: {use: toy.add, in: b.out}\nb: {use: toy.add, in: a.out}"))
    assert "these stages feed each other: " in told
    assert "a -> b -> a" in told or "b -> a -> b" in told


def test_an_alpha_mode_mix_up_is_refused_with_the_remedy() -> None:
    text = one(SOURCE + "m: {use: toy.matte, in: src, set: {mode: premultiplied}}\ns: {use: toy.straight, in: m}")
    assert (
        "m is u8[h,w,4] premultiplied, but s.rgba wants u8[h,w,4] straight; set the mode of the stage that makes it"
        in problems(text)
    )
    assert load("g.yaml", text.replace("premultiplied", "straight")).order == ("src", "m", "s")


def test_sizes_that_are_known_and_contradict_are_refused_before_a_run() -> None:
    text = one(
        "a: {use: toy.count}\nb: {use: toy.count, set: {height: 8}}\np: {use: toy.exact, in: {image: a, other: b}}"
    )
    assert "b.image is 8x6x3, but h is 4 on p's other inputs" in problems(text)


def test_yaml_that_is_not_yaml_is_told_with_its_line() -> None:
    assert problems("stages: {a: [}").splitlines()[0].startswith("g.yaml:1:14: this is not YAML: ")


@pytest.mark.parametrize("text", ["", "stages:", "- 1", "graph: x", "stages: {}"])
def test_a_graph_without_stages_is_refused(text: str) -> None:
    assert "a graph needs 'stages:' with at least one stage in it" in problems(text)


def test_set_overrides_a_parameter_and_its_mistakes_name_the_option() -> None:
    text = one(SOURCE + "p: {use: toy.pair, in: src}")
    assert load("g.yaml", text, sets=["src.width=9"]).nodes["src"].stage.params.width == 9  # type: ignore[attr-defined]
    assert (
        problems(text, sets=["src.widht=9"])
        == "--set src.widht=9: toy.count has no parameter 'widht'; did you mean 'width'?"
    )
    assert problems(text, sets=["sro.width=9"]) == "--set sro.width=9: no stage is named 'sro'; did you mean 'src'?"
    assert problems(text, sets=["width=9"]) == "--set width=9: write it as --set stage.param=value"
    assert problems(text, sets=["src.width=0"]) == (
        "--set src.width=0: width: input should be greater than or equal to 1, not 0"
    )


@pytest.mark.parametrize(
    ("stage", "param", "value"),
    [
        ("capture.sets", "consent", "A. Person, 2026-01-05: training: deleted after a year"),
        ("compose.tint", "colour", "#2f62ff"),
    ],
)
def test_set_takes_a_colour_and_words_with_colons_as_they_are(stage: str, param: str, value: str) -> None:
    text = f"""
    stages:
      src: {{use: synth.source}}
      it: {{use: {stage}, in: src.image}}
      end: {{use: null.sink, in: it.out}}
    """
    graph = load("g.yaml", text, sets=[f"it.{param}={value}"])
    assert getattr(graph.nodes["it"].stage, param) == value


def test_a_missing_graph_file_names_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "demo.yaml").write_text("x: 1")
    with pytest.raises(UsageError, match="there is no such graph file; did you mean .*demo.yaml"):
        load(tmp_path / "demi.yaml")


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "g.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="is not UTF-8 text; a graph is a YAML file"):
        load(tmp_path / "g.yaml")


@pytest.mark.parametrize("text", ["stages: &a {x: *a}", f"stages: {'[' * 60_000}{']' * 60_000}", "- " * 60_000])
def test_values_inside_one_another_without_end_are_refused(text: str) -> None:
    with pytest.raises(GraphError, match="more than 50 values inside one another; a graph is far flatter"):
        load("g.yaml", text)


def test_a_bomb_of_aliases_is_refused_quickly() -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    assert "values; a graph is far smaller" in problems(bomb)


@given(st.text(alphabet="stages:{}[]use-toycunt \n'\"&*<#!|>%@,?0123", max_size=200))
def test_no_text_makes_load_fail_with_anything_but_its_own_errors(text: str) -> None:
    with contextlib.suppress(BgflowError):
        load("g.yaml", text)


STAGE_FILE = """\
from bgflow import In, Out, Stage

class Dark(Stage):
    "Halves every colour."
    image = In("u8[h,w,3] rgb")
    dark = Out("u8[h,w,3] rgb")

    def process(self, image):
        dark = self.ctx.empty(self.dark)
        dark[...] = image // 2
        return dark
"""


def test_a_stage_in_a_file_beside_the_graph_is_found(tmp_path: Path) -> None:
    (tmp_path / "mystage.py").write_text(STAGE_FILE)
    (tmp_path / "g.yaml").write_text(one(SOURCE + "d: {use: 'mystage.py:Dark', in: src}\np: {use: toy.pair, in: d}"))
    assert load(tmp_path / "g.yaml").order == ("src", "d", "p")


def test_a_stage_file_that_does_not_import_is_one_problem_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import nothing_of_this_name")
    (tmp_path / "g.yaml").write_text(one("d: {use: 'broken.py:Dark'}"))
    with pytest.raises(GraphError, match="broken.py cannot be imported: ModuleNotFoundError: No module named"):
        load(tmp_path / "g.yaml")


def test_import_bgflow_is_light() -> None:
    heavy = "('av', 'numba', 'cupy', 'openvino', 'numpy', 'pydantic')"
    code = f"import sys, bgflow; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_checking_a_graph_loads_no_engine_codec_or_compiler() -> None:
    code = (
        "import sys, bgflow, glob\n"
        "for g in glob.glob('graphs/*.yaml'): bgflow.load(g)\n"
        "heavy = ('av', 'numba', 'cupy', 'openvino', 'onnxruntime', 'aiohttp', 'aiortc')\n"
        "print([m for m in heavy if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[1]
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root)
    assert out.stdout.strip() == "[]", out.stderr


def test_a_graph_of_three_hundred_stages_is_checked_in_a_moment() -> None:
    lines = [SOURCE, "s0: {use: toy.add, in: src}\n"]
    lines += [f"s{n}: {{use: toy.add, in: s{n - 1}.out}}\n" for n in range(1, 300)]
    text = one("".join([*lines, "p: {use: toy.pair, in: s299}"]))
    started = time.process_time()
    assert len(load("g.yaml", text).order) == 302
    assert time.process_time() - started < 5  # a guard against quadratic work, not a benchmark
