"""The CUDA device on a simulated GPU: right data in every order of work, no null stream, honest counts."""

from __future__ import annotations

import gc
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bgflow import Context, In, Run, Stage, load, nvrtc, plan, staging
from bgflow.capture import Chain
from bgflow.devices import Work, auto, device, device_of, to_host
from bgflow.devices import cuda as cuda_file
from bgflow.errors import DeviceError, KernelError, OutOfMemory
from bgflow.frame import Pool
from bgflow.kernels import over
from bgflow.registry import find
from bgflow.testing import opened
from tests import cudasim, media
from tests.cudasim import Forbidden, Machine, memory, streams
from tests.kernels import hostcuda

pytestmark = pytest.mark.skipif(not hostcuda.has_gxx(), reason="needs g++")

H, W = 12, 20
Picture = np.ndarray[Any, Any]


@pytest.fixture(params=cudasim.ORDERS)
def machine(request: pytest.FixtureRequest) -> Iterator[Machine]:
    """One GPU, once in every order of work."""
    with cudasim.simulated(request.param) as made:
        yield made


@pytest.fixture
def lazy() -> Iterator[Machine]:
    """One GPU that does nothing before it must."""
    with cudasim.simulated("lazy") as made:
        yield made


def gpu() -> Any:
    return device("cuda:0")


def take(shape: tuple[int, ...] = (H, W, 3), dtype: Any = np.uint8) -> Any:
    return Pool(gpu(), shape, dtype).take()


def put(host: Picture) -> Any:
    array = take(host.shape, host.dtype)
    gpu().upload(host, array)
    return array


def picture(seed: int = 0, h: int = H, w: int = W) -> Picture:
    return np.random.default_rng(seed).integers(0, 256, (h, w, 3), np.uint8)


def matte(seed: int = 0, h: int = H, w: int = W) -> Picture:
    return np.random.default_rng(seed).random((h, w), np.float32)


def composed(front: Picture, alpha: Picture, back: Picture) -> Picture:
    """What the CPU says."""
    out = np.empty_like(front)
    over.replace(front, alpha, back, out)
    return out


def frames(count: int = 8) -> list[tuple[Picture, Picture]]:
    """Pictures composed on the GPU, all enqueued before the first is asked for, beside what they should be.

    Pictures come in pooled memory that dies as soon as its kernels are enqueued, mattes in memory that stays, and the
    host's arrays are overwritten as soon as `upload` has returned.
    """
    pictures, alpha, back = Pool(gpu(), (H, W, 3), np.uint8, planned=2), take((H, W), np.float32), put(picture(99))
    outs, wants = [], []
    for n in range(count):
        front, soft = picture(n), matte(n)
        wants.append(composed(front, soft, picture(99)))
        here, out = pictures.take(), pictures.take()
        gpu().upload(front, here)
        gpu().upload(soft, alpha)
        over.replace(here, alpha, back, out)
        front[...], soft[...] = 0, 0
        kept = put(picture(n)) if n % 3 == 0 else None
        over.replace(here, alpha, back, here if kept is None else kept)
        outs.append(out if n % 2 else to_host(out))
        del here, out, kept
    return [(o if isinstance(o, np.ndarray) else to_host(o), w) for o, w in zip(outs, wants, strict=True)]


# -- order ----------------------------------------------------------------------------------------------------------


def test_frames_are_right_in_every_order_of_work(machine: Machine) -> None:
    for got, want in frames():
        np.testing.assert_array_equal(got, want)


def forget_waits_of(queue: int) -> Callable[[pytest.MonkeyPatch], None]:
    def change(patch: pytest.MonkeyPatch) -> None:
        wait = streams.Stream.wait_event

        def forget(stream: streams.Stream, event: streams.Event) -> None:
            if stream._machine.queues.index(stream._queue) != queue:
                wait(stream, event)

        patch.setattr(streams.Stream, "wait_event", forget)

    return change


def forget_pages(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(staging.Ring, "take", lambda ring: ring._pages.popleft() if ring._pages else ring._make())


def forget_to_mark_what_was_freed(patch: pytest.MonkeyPatch) -> None:
    def freed(self: Any, block: Any) -> None:
        fence = self._fences[block.ptr]
        fence.event, fence.fresh = self._event(), True

    patch.setattr(cuda_file.Cuda, "freed", freed)


MISTAKES = {
    "kernels do not wait for uploads": forget_waits_of(0),
    "uploads do not wait for kernels": forget_waits_of(1),
    "downloads do not wait for kernels": forget_waits_of(2),
    "page-locked memory is refilled at once": forget_pages,
    "freed memory is not marked": forget_to_mark_what_was_freed,
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_simulation_would_show_a_forgotten_event(mistake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MISTAKES[mistake](monkeypatch)
    wrong = []
    for order in cudasim.ORDERS:
        with cudasim.simulated(order):
            wrong += [order for got, want in frames() if not np.array_equal(got, want)]
    assert wrong, f"no order of work shows that {mistake}"


@pytest.mark.parametrize("fresh", [True, False], ids=["new memory", "memory that died"])
def test_the_next_upload_does_not_wait_for_the_kernels_of_this_frame(fresh: bool) -> None:
    with cudasim.simulated("copies first") as machine:
        pictures, alpha, out = Pool(gpu(), (H, W, 3), np.uint8, planned=2), put(matte()), take()
        if not fresh:
            both = [pictures.take(), pictures.take()]
            for array in both:
                gpu().upload(picture(5), array)
            del array, both
        gpu().synchronise()
        now = pictures.take()
        gpu().upload(picture(1), now)
        over.replace(now, alpha, now, out)
        later = pictures.take()
        gpu().upload(picture(2), later)
        np.testing.assert_array_equal(later._raw, picture(2))
        assert "kernel" in [op.kind for op in machine.queues[0].ops], "the kernels of this frame have run"


def test_the_next_upload_does_not_wait_behind_a_download(monkeypatch: pytest.MonkeyPatch) -> None:
    with cudasim.simulated("copies first") as machine:
        front, alpha, out, later = put(picture()), put(matte()), take(), take()
        seen: list[Picture] = []
        synchronise = streams.Event.synchronize

        def meanwhile(event: Any) -> None:
            if [op.kind for op in machine.queues[2].ops] == ["wait", "copy", "mark"]:  # this is the download's
                monkeypatch.undo()
                gpu().upload(picture(2), later)
                seen.append(later._raw.copy())
            synchronise(event)

        over.replace(front, alpha, front, out)
        monkeypatch.setattr(streams.Event, "synchronize", meanwhile)
        np.testing.assert_array_equal(to_host(out), picture())
        np.testing.assert_array_equal(seen[0], picture(2))


def test_memory_that_died_is_not_overwritten_before_its_kernels_ran(machine: Machine) -> None:
    pictures, alpha, out = Pool(gpu(), (H, W, 3), np.uint8, planned=1), put(matte()), take()
    for n in range(3):
        gpu().upload(picture(n), array := pictures.take())
        gpu().synchronise()
        over.replace(array, alpha, array, out)
        del array
    gpu().upload(picture(9), last := pictures.take())
    np.testing.assert_array_equal(to_host(out), picture(2))
    np.testing.assert_array_equal(to_host(last), picture(9))
    assert pictures.allocations == 1


def test_an_array_may_die_before_its_upload_has_happened(machine: Machine) -> None:
    pictures, alpha, out = Pool(gpu(), (H, W, 3), np.uint8, planned=1), put(matte()), take()
    for n in range(5):
        gpu().upload(picture(n), array := pictures.take())
        del array
    over.replace(put(picture(5)), alpha, put(picture(6)), pictures.take())
    gpu().upload(picture(7), array := pictures.take())
    over.replace(array, alpha, array, out)
    np.testing.assert_array_equal(to_host(out), picture(7))


def test_memory_that_a_kernel_wrote_is_not_taken_for_free(machine: Machine) -> None:
    pictures, alpha = Pool(gpu(), (H, W, 3), np.uint8, planned=1), put(matte())
    back = put(picture(3))
    for n in range(3):
        gpu().upload(picture(n), array := pictures.take())
        del array
    array = pictures.take()
    over.replace(back, alpha, back, array)
    gpu().upload(picture(8), array)
    np.testing.assert_array_equal(to_host(array), picture(8))


def test_a_part_of_an_array_is_uploaded_between_the_kernels_around_it(machine: Machine) -> None:
    batch = take((2, H, W, 3))
    alpha, out = put(matte()), [take(), take()]
    for n in range(4):
        gpu().upload(picture(n), batch[n % 2])
        over.replace(batch[n % 2], alpha, batch[n % 2], out[n % 2])
    for n, array in enumerate(out):
        np.testing.assert_array_equal(to_host(array), picture(2 + n))


def test_pools_that_die_leave_memory_that_can_be_used_at_once(machine: Machine) -> None:
    alpha, out = put(matte()), take()
    for n in range(6):
        array = put(picture(n))  # of a pool that dies with it
        over.replace(array, alpha, array, out)
        del array
        gc.collect()
    np.testing.assert_array_equal(to_host(out), picture(5))


def test_threads_share_the_device(machine: Machine) -> None:
    failed: list[BaseException] = []

    def work(seed: int) -> None:
        try:
            pool, alpha = Pool(gpu(), (H, W, 3), np.uint8, planned=2), put(matte(seed))
            back = put(picture(50 + seed))
            for n in range(seed, seed + 12):
                gpu().upload(picture(n), array := pool.take())
                over.replace(array, alpha, back, out := pool.take())
                want = composed(picture(n), matte(seed), picture(50 + seed))
                np.testing.assert_array_equal(to_host(out), want)
        except BaseException as e:
            failed.append(e)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed


# -- copies ---------------------------------------------------------------------------------------------------------


def test_several_host_arrays_go_up_and_down_as_one_copy(lazy: Machine) -> None:
    y, u, v = (np.random.default_rng(n).integers(0, 256, s, np.uint8) for n, s in enumerate([(8, 6), (4, 3), (4, 3)]))
    before = gpu().meter.read()
    array = take((12, 6))
    gpu().upload([y, np.repeat(u, 2, 1)[:, ::2], v], array)
    down = [np.empty_like(p) for p in (y, u, v)]
    gpu().download(array, down)
    assert all(np.array_equal(a, b) for a, b in zip(down, (y, u, v), strict=True))
    assert gpu().meter.read().minus(before)[:4] == (1, 1, 72, 72)


def test_a_part_that_has_gaps_is_packed_on_the_device_and_downloaded(machine: Machine) -> None:
    array = put(picture())
    np.testing.assert_array_equal(to_host(array[2:7, 3:9]), picture()[2:7, 3:9])


def test_an_upload_into_an_array_with_gaps_is_refused(lazy: Machine) -> None:
    with pytest.raises(DeviceError) as e:
        gpu().upload(picture()[:, :5], take()[:, :5])
    assert str(e.value) == "upload: uint8[12,5,3] on cuda:0 has gaps; upload into an array without"


@pytest.mark.parametrize("way", ["upload", "download"])
def test_a_host_array_of_another_size_is_refused(way: str, lazy: Machine) -> None:
    with pytest.raises(DeviceError) as e:
        gpu().upload(picture(h=5), take()) if way == "upload" else gpu().download(take(), picture(h=5))
    assert str(e.value) == f"{way}: 300 elements of the host for uint8[12,20,3]; it takes 720"


def test_an_empty_array_goes_up_and_down(lazy: Machine) -> None:
    array = put(np.empty((0, 3), np.float32))
    assert to_host(array).shape == (0, 3)


def test_page_locked_memory_is_bounded(lazy: Machine) -> None:
    array = take()
    for n in range(40):
        gpu().upload(picture(n), array)
    assert len(lazy.pinned) == staging.DEPTH
    np.testing.assert_array_equal(to_host(array), picture(39))
    assert lazy.waits


# -- launches -------------------------------------------------------------------------------------------------------


def test_what_is_asked_is_counted_for_the_thread_that_asks(lazy: Machine) -> None:
    front, alpha, out = put(picture()), put(matte()), take()
    before = gpu().meter.read()
    over.replace(front, alpha, front, out)
    gpu().enqueue(lambda stream: None)
    seen: list[Work] = []
    t = threading.Thread(target=lambda: seen.append(gpu().meter.read()))
    t.start()
    t.join()
    work = gpu().meter.read().minus(before)
    assert work[:5] == (0, 0, 0, 0, 2)
    assert work.launch_ns > 0
    assert seen == [Work()]


def test_rows_may_be_padded_but_elements_may_not(machine: Machine) -> None:
    wide, alpha, out = put(picture(w=2 * W)), put(matte()), take()
    over.replace(wide[:, 5 : 5 + W], alpha, wide[:, :W], out)
    want = composed(picture(w=2 * W)[:, 5 : 5 + W].copy(), matte(), picture(w=2 * W)[:, :W].copy())
    np.testing.assert_array_equal(to_host(out), want)
    with pytest.raises(KernelError) as e:
        over.replace(wide[:, ::2], alpha, wide[:, :W], take((H, W, 6))[..., ::2])
    assert str(e.value) == "over_picture: out has gaps between its elements; rows may be padded, elements may not"


def test_an_extent_without_pixels_launches_nothing(lazy: Machine) -> None:
    before = gpu().meter.read()
    over.replace(take((0, W, 3)), take((0, W), np.float32), take((0, W, 3)), take((0, W, 3)))
    assert gpu().meter.read() == before


@pytest.mark.parametrize(
    ("extent", "block"),
    [((1,), (1,)), ((720,), (64,)), ((720, 1280), (32, 8)), ((720, 3), (4, 8)), ((4, 720, 1280), (32, 8, 1))],
)
def test_blocks_are_no_longer_than_their_axis(extent: tuple[int, ...], block: tuple[int, ...]) -> None:
    assert nvrtc.shape(extent) == block


def test_nvrtc_is_quoted_when_it_rejects_a_kernel(lazy: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu()._loaded.clear()
    monkeypatch.setattr(type(over.over_picture), "source", lambda k: 'extern "C" __global__ void over_picture() { ? }')
    with pytest.raises(KernelError, match=r"^over_picture: NVRTC rejects it: .*error:"):
        over.over_picture(take(), take((H, W), np.float32), take(), take())


# -- captures -------------------------------------------------------------------------------------------------------


def test_a_replay_gives_what_the_launches_give(machine: Machine) -> None:
    front, back, alpha, out = take(), put(picture(99)), take((H, W), np.float32), take()
    with gpu().capture() as recording:
        over.replace(front, alpha, back, out)
        out[:2] = 5
    for n in range(5):
        gpu().upload(picture(n), front)
        gpu().upload(matte(n), alpha)
        recording.replay()
        want = composed(picture(n), matte(n), picture(99))
        want[:2] = 5
        np.testing.assert_array_equal(to_host(out), want)


def test_a_capture_runs_nothing_and_a_replay_counts_as_one_launch(lazy: Machine) -> None:
    front, alpha, out = put(picture()), put(matte()), put(picture(1))
    before = gpu().meter.read()
    with gpu().capture() as recording:
        over.replace(front, alpha, front, out)
        over.replace(front, alpha, front, out)
        gpu().enqueue(lambda stream: None)
    assert gpu().meter.read() == before
    assert recording.launches == 3
    np.testing.assert_array_equal(to_host(out), picture(1))
    before = gpu().meter.read()
    recording.replay()
    assert gpu().meter.read().minus(before).launches == 1
    np.testing.assert_array_equal(to_host(out), picture())


def test_a_library_gets_the_stream_of_the_capture(lazy: Machine) -> None:
    seen: list[int] = []
    gpu().enqueue(seen.append)
    with gpu().capture():
        gpu().enqueue(seen.append)
    gpu().enqueue(seen.append)
    assert seen[0] == seen[2] == gpu()._compute.ptr
    assert seen[1] not in (0, seen[0])


@pytest.mark.parametrize(
    ("word", "message"),
    [
        (lambda a: gpu().upload(picture(), a), "an upload cannot be captured: "),
        (lambda a: gpu().download(a, picture()), "a download cannot be captured: "),
        (lambda a: gpu().capture().__enter__(), "a capture cannot begin inside a capture"),
    ],
    ids=["upload", "download", "capture"],
)
def test_what_cannot_be_captured_is_refused_and_ends_the_capture(
    word: Callable[[Any], Any], message: str, lazy: Machine
) -> None:
    array = take()
    with pytest.raises(DeviceError, match=message), gpu().capture() as broken:
        word(array)
    with pytest.raises(DeviceError, match="its capture has not ended well"):
        broken.replay()
    with gpu().capture() as recording:
        array.fill(3)
    recording.replay()
    assert (to_host(array) == 3).all()


def test_a_recording_is_not_replayed_inside_a_capture(lazy: Machine) -> None:
    with gpu().capture() as recording:
        take().fill(1)
    with pytest.raises(DeviceError, match="cannot be replayed inside a capture"), gpu().capture():
        recording.replay()


def test_other_threads_copy_and_launch_while_one_captures(machine: Machine) -> None:
    got: list[Picture] = []

    def other() -> None:
        array = put(picture(5))
        over.replace(array, put(matte()), array, out := take())
        got.append(to_host(out))

    front, alpha, out = put(picture()), put(matte()), take()
    with gpu().capture() as recording:
        over.replace(front, alpha, front, out)
        t = threading.Thread(target=other)
        t.start()
        t.join()
    np.testing.assert_array_equal(got[0], picture(5))
    assert recording.launches == 1


def test_memory_may_be_taken_and_freed_inside_a_capture(machine: Machine) -> None:
    front, out = put(picture()), take()
    with gpu().capture() as recording:
        pool = Pool(gpu(), (H, W, 3), np.uint8, planned=1)
        between = pool.take()
        between[...] = front
        out[...] = between.copy()  # a temporary of CuPy's own
        del between
    for n in range(3):
        gpu().upload(picture(n), front)
        recording.replay()
        with gpu().active():
            strays = [out.copy() for _ in range(4)]
            for stray in strays:
                stray.fill(0)
        np.testing.assert_array_equal(to_host(out), picture(n))


# -- discipline -----------------------------------------------------------------------------------------------------


def test_words_of_an_array_go_on_the_compute_stream(machine: Machine) -> None:
    array = put(picture())
    with gpu().active():
        array.fill(4)
        array[:3] = 6
    want = np.full((H, W, 3), 4)
    want[:3] = 6
    np.testing.assert_array_equal(to_host(array), want)


def test_the_simulation_refuses_what_must_not_be(lazy: Machine) -> None:
    array = take()
    with pytest.raises(Forbidden, match="null stream"):
        array.fill(1)
    with pytest.raises(Forbidden, match="whole device"):
        streams.Device(0).synchronize()
    with pytest.raises(Forbidden, match="pageable"):
        array.data.copy_from_host_async(picture().ctypes.data, array.nbytes, gpu()._up)
    with pytest.raises(Forbidden, match="null stream"):
        streams.Stream()


def test_a_copy_whose_page_locked_memory_died_is_found(lazy: Machine) -> None:
    array, page = take(), memory.alloc_pinned_memory(720)
    array.data.copy_from_host_async(page.ptr, 720, gpu()._up)
    gpu()._compute.wait_event(event := gpu()._event())
    event.record(gpu()._up)
    del page
    with pytest.raises(Forbidden, match="freed before its copy"):
        event.synchronize()


def test_synchronise_waits_for_all_that_was_enqueued(machine: Machine) -> None:
    front, alpha, out = put(picture()), put(matte()), take()
    over.replace(front, alpha, front, out)
    gpu().synchronise()
    np.testing.assert_array_equal(out._raw, picture())


def test_a_gpu_is_one_device_under_all_its_names(lazy: Machine) -> None:
    assert device("cuda") is device("cuda:0") is device("auto") is device_of(take())


def test_arrays_tell_their_device() -> None:
    with cudasim.simulated(gpus=2):
        first, second = put(picture()), Pool(device("cuda:1"), (4,), np.float32).take()
        assert (device_of(first).name, device_of(second).name) == ("cuda:0", "cuda:1")
        assert gpu().owns(first)
        assert not gpu().owns(second)
        assert not gpu().owns(picture())
        assert gpu().address(first[2:]) == gpu().address(first) + 2 * W * 3
        assert first[2:].device.id == 0


def test_a_second_gpu_works_whichever_is_current() -> None:
    with cudasim.simulated(gpus=2):
        where = device("cuda:1")
        pool = Pool(where, (H, W, 3), np.uint8)
        where.upload(picture(), front := pool.take())
        where.upload(matte(), alpha := Pool(where, (H, W), np.float32).take())
        out = pool.take()
        over.replace(front, alpha, front, out)
        with where.capture() as recording:
            over.replace(front, alpha, front, out)
        recording.replay()
        np.testing.assert_array_equal(to_host(out), picture())


def test_leaving_arrays_alive_at_exit_is_silent() -> None:
    script = textwrap.dedent("""
        import numpy as np
        from bgflow.devices import device
        from bgflow.frame import Pool
        from tests import cudasim, media
        context = cudasim.simulated("lazy")
        context.__enter__()
        pool = Pool(device("cuda:0"), (4, 4), np.uint8)
        for n in range(5):
            array = pool.take()
            device("cuda:0").upload(np.zeros((4, 4), np.uint8), array)
        kept = {"array": array, "pool": pool}
        kept["self"] = kept
    """)
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# -- errors ---------------------------------------------------------------------------------------------------------


def test_out_of_memory_has_the_numbers() -> None:
    with cudasim.simulated(memory=10 << 20):
        kept = gpu().block(4 << 20)
        with pytest.raises(OutOfMemory) as e:
            gpu().block(7 << 20)
        assert str(e.value) == ("cuda:0: wanted 7.0 MiB, but 6.0 MiB of 10.0 MiB are free and bgflow holds 4.0 MiB")
        assert kept.ptr % 512 == 0


def test_a_failure_on_the_gpu_is_one_clear_line(lazy: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    array = put(picture())

    def fault(event: Any) -> None:
        raise streams.CUDARuntimeError("cudaErrorIllegalAddress: an illegal memory access was encountered")

    monkeypatch.setattr(streams.Event, "synchronize", fault)
    with pytest.raises(DeviceError) as e:
        gpu().synchronise()
    assert str(e.value) == (
        "cuda:0 failed here or in work enqueued before: "
        "cudaErrorIllegalAddress: an illegal memory access was encountered"
    )
    assert array.size


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("no cupy", "cuda needs CuPy: pip install 'bgflow[cuda]'"),
        ("no driver", "cuda: no NVIDIA driver is loaded; install one for CUDA 13.2 or newer from nvidia.com/drivers"),
        ("old driver", "cuda: the NVIDIA driver knows CUDA 12.4, CuPy needs 13.2; install a newer one"),
        ("no gpu", "cuda: no GPU is found: no CUDA-capable device is detected; nvidia-smi tells more"),
        ("no nvrtc", "cuda needs NVRTC, NVIDIA's compiler: pip install 'bgflow[cuda]' (no libnvrtc.so.13)"),
        ("no such gpu", "there is no cuda:7; this machine has 1, counted from 0"),
    ],
)
def test_what_is_missing_is_named_with_what_mends_it(what: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_nvrtc() -> None:
        raise RuntimeError("no libnvrtc.so.13, no libnvrtc.so.12")

    cupy = cudasim.cupy(0 if what == "no gpu" else 1, {"no driver": 0, "old driver": 12040}.get(what, 13020))
    if what == "no nvrtc":
        cupy.cuda.nvrtc.getVersion = no_nvrtc
    monkeypatch.setitem(sys.modules, "cupy", None if what == "no cupy" else cupy)
    with pytest.raises(DeviceError) as e:
        cuda_file.make(7 if what == "no such gpu" else 0)
    assert str(e.value) == message


def test_auto_takes_the_gpu_and_names_it(lazy: Machine) -> None:
    chosen, why = auto()
    assert chosen is gpu()
    assert why.startswith("cuda:0")
    assert gpu().title == "Simulated, 1 GiB, compute capability 9.0"


def test_importing_bgflow_does_not_import_cupy() -> None:
    script = "import sys, bgflow, bgflow.devices.cuda; print('cupy' in sys.modules)"
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root, check=True)
    assert done.stdout == "False\n"


# -- whole stages ---------------------------------------------------------------------------------------------------


def scene(count: int, h: int = 72, w: int = 96) -> Iterator[dict[str, Picture]]:
    """A square that walks over a noisy wall, and a matte of it with a soft edge."""
    rng = np.random.default_rng(3)
    wall = rng.integers(60, 90, (h, w, 3))
    for n in range(count):
        alpha = np.zeros((h, w), np.float32)
        alpha[20:50, 5 + 4 * n : 35 + 4 * n] = 1
        alpha = sum(np.roll(alpha, s, 1) for s in range(-3, 4)) / np.float32(7)
        image = wall + rng.normal(0, 2, wall.shape)
        image = image * (1 - alpha[..., None]) + np.array([200, 60, 30]) * alpha[..., None]
        yield {"image": np.clip(image, 0, 255).astype(np.uint8), "alpha": alpha.astype(np.float32)}


ORDERS = ("lazy", "copies first", "kernels first", "random 1")
STAGES: dict[str, dict[str, Any]] = {
    "edge.refine": {"despeckle": 0.2, "feather": 1.0},
    "mog.mask": {"detect_shadows": True},
    "compose.replace": {"background": "rgb(0,177,64)", "wrap": 0.3, "match": 0.3},
}
SLOW = (
    *("compose.alpha", "compose.blur", "compose.mask", "edge.matte", "fuse.freeze", "fuse.mask", "keep.subject"),
    *("key.chroma", "mog.running", "plate.mask", "preprocess.denoise", "preprocess.flip", "samples.mask"),
    *("shadow.cast", "shadow.keep", "time.stabilise"),
)


def made(use: str, **params: Any) -> Stage:
    """A stage by its name."""
    return find(use, Path())(**params)


def of_port(port: In, of: dict[str, Picture]) -> Picture:
    """What a port of this type is given."""
    if port.types[0].dtype == np.float32:
        return of["alpha"]
    return of["image"] if len(port.types[0].dims) == 3 else (of["alpha"] > 0.5).astype(np.uint8) * 255


@pytest.mark.parametrize(
    ("use", "order"),
    [
        *((use, order) for use in STAGES for order in ORDERS),
        *(pytest.param(use, "random 1", marks=pytest.mark.slow) for use in SLOW),
    ],
)
def test_a_stage_gives_what_it_gives_on_the_cpu(use: str, order: str) -> None:
    params = STAGES.get(use, {})
    with (
        cudasim.simulated(order),
        gpu().active(),
        opened(made(use, **params)) as here,
        opened(made(use, **params), "cuda:0") as there,
    ):
        compared = 0
        for of in scene(8):
            given = {name: of_port(port, of) for name, port in here.stage.inputs.items()}
            p, q = ({"": out} if isinstance(out, np.ndarray) else out for out in (here(**given), there(**given)))
            assert p.keys() == q.keys()
            for port, want in p.items():
                close = {"rtol": 1e-5, "atol": 1e-4} if want.dtype == np.float32 else {"rtol": 0, "atol": 0}
                np.testing.assert_allclose(q[port], want, **close, err_msg=f"{use}: {port}")
                compared += want.size
        assert compared


class Shown(Stage, use="cuda.shown"):
    """Keeps what it is shown, on the host."""

    image = In("u8[h,w,3] rgb")

    def copies(self) -> tuple[int, int]:
        return 0, 1

    def open(self, ctx: Context) -> None:
        super().open(ctx)
        SHOWN.clear()

    def process(self, image: Any) -> None:
        SHOWN.append(np.array(to_host(image)))


SHOWN: list[Picture] = []
GRAPH = """
device: %s
budget: {h2d: 1, d2h: 1}
stages:
  video: {use: file.source, set: {path: "%s"}}
  mog: {use: mog.mask, in: video.image, set: {learning_rate: 0.05}}
  clean: {use: edge.refine, in: {image: video.image, alpha: mog.alpha}, set: {despeckle: 0.2}}
  show: {use: compose.mask, in: {image: video.image, alpha: clean.alpha}}
  out: {use: cuda.shown, in: show.out}
"""


def watched(on: str, path: Path) -> tuple[list[Picture], Run]:
    """What a whole run shows."""
    with Run(plan(load("g.yaml", GRAPH % (on, path)))) as run:
        run.wait()
    return list(SHOWN), run


@pytest.mark.parametrize("order", ORDERS)
def test_a_whole_run_shows_what_it_shows_on_the_cpu(order: str, tmp_path: Path) -> None:
    media.clip(tmp_path / "in.mp4", h=72, w=96, frames=45, pictures=[of["image"] for of in scene(15)] * 3)
    want, _ = watched("cpu", tmp_path / "in.mp4")
    with cudasim.simulated(order):
        got, run = watched("cuda:0", tmp_path / "in.mp4")
    assert len(got) == len(want) == 45
    for a, b in zip(got, want, strict=True):
        assert np.abs(a.astype(int) - b).max() <= 1
    assert run.late_allocations == 0
    assert sum(unit.replays for s in run.segments for unit in s.units if isinstance(unit, Chain)) > 15
