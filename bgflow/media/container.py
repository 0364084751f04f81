"""Open files, cameras and addresses through FFmpeg; every failure is one line that says what would be right."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bgflow.errors import MediaError

if TYPE_CHECKING:
    from av.codec.hwaccel import HWAccel
    from av.container import InputContainer
    from av.video.stream import VideoStream

# FFmpeg takes any text for ANSI art; nobody means that.
TEXT_FORMATS = {"tty", "bin", "xbin", "adf", "idf"}
READING = "files being read"  # a run's set of paths that its sources read, so that no sink writes over one
_SECRET_KEYS = "access_token|auth|key|passphrase|passwd|password|pwd|sig|signature|streamid|token"


class MediaUsageError(MediaError):
    """A file, camera or address cannot be used as it was given; nothing was started."""

    exit_code = 2


def redacted(address: str) -> str:
    """An address without its password, for messages and logs: `rtsp://user:***@host/`."""
    address = re.sub(r"(\w+://[^/@:\s]*):[^/\s]*@", r"\1:***@", address)
    return re.sub(rf"(?i)([?&](?:{_SECRET_KEYS})=)[^&\s]+", r"\1***", address)


def reason(error: BaseException) -> str:
    """FFmpeg's (or the system's) own words for an error, without its number and without the address."""
    text = str(getattr(error, "strerror", None) or error).strip().rstrip(".")
    return text[:1].lower() + text[1:]


def existing_file(path: str) -> Path:
    """`path` if it is a file with something in it.

    Raises:
        MediaUsageError: it is missing (near names are offered), a folder, or empty.
    """
    file = Path(path).expanduser()
    if file.is_dir():
        raise MediaUsageError(f"{path}: is a folder, not a video; use images.source for a folder of pictures")
    if not file.exists():
        folder = file.parent
        raise MediaUsageError(f"{path}: no such file" + (near(file) if folder.is_dir() else f"; {no_folder(folder)}"))
    if file.is_file() and file.stat().st_size == 0:
        raise MediaUsageError(f"{path}: is empty (0 bytes); give a file that was written to its end")
    return file


def near(file: Path) -> str:
    """'; did you mean …' when a name in the same folder is close, extensions aside, else ''."""
    names = {p.stem: p.name for p in file.parent.iterdir()} if file.parent.is_dir() else {}
    hit = difflib.get_close_matches(file.stem, names, 1)
    return f"; did you mean {names[hit[0]]!r}?" if hit else ""


def no_folder(folder: Path) -> str:
    """Why `folder` is none: it or one above it is a file, or it is missing."""
    for place in (folder, *folder.parents):
        if place.exists() and not place.is_dir():
            return f"{str(place)!r} is a file, not a folder"
    return f"there is no folder {str(folder)!r}"


def open_file(path: str, hwaccel: HWAccel | None = None) -> InputContainer:
    """Open a video file, to be decoded by `hwaccel` where that is given.

    Raises:
        MediaUsageError: the file is missing, empty, cut off, or no video.
    """
    import av

    file = existing_file(path)
    try:
        container = av.open(str(file), metadata_errors="replace", hwaccel=hwaccel)
    except av.error.PermissionError as error:
        raise MediaUsageError(f"{path}: may not be read; permission denied") from error
    except (av.FFmpegError, OSError) as error:
        with file.open("rb") as f:
            head = f.read(12)
        if head[4:8] == b"ftyp":
            raise MediaUsageError(
                f"{path}: has no index (moov box), so it was cut off while it was recorded or copied; copy it again"
            ) from error
        raise MediaUsageError(f"{path}: is no video that FFmpeg can read: {reason(error)}") from error
    if container.format.name in TEXT_FORMATS:
        container.close()
        raise MediaUsageError(f"{path}: is a text file, not a video")
    return container


def open_address(
    address: str,
    *,
    format: str | None = None,
    options: Mapping[str, str] | None = None,
    timeout: float | None = None,
    hwaccel: HWAccel | None = None,
) -> InputContainer:
    """Open a stream or device; `timeout` in seconds bounds the opening and every later wait for data.

    It is decoded by `hwaccel` where that is given.

    Raises:
        MediaUsageError: it cannot be opened. The address is redacted and FFmpeg's error is not chained, because
            its text holds the password.
    """
    import av

    try:
        return av.open(
            address,
            format=format,
            options=dict(options or {}),
            timeout=timeout,
            metadata_errors="replace",
            hwaccel=hwaccel,
        )
    except av.error.ExitError:
        raise MediaUsageError(f"{redacted(address)}: did not answer within {timeout:g} s") from None
    except (av.FFmpegError, OSError, ValueError) as error:
        raise MediaUsageError(f"{redacted(address)}: cannot be opened: {reason(error)}") from None


def picture_stream(container: InputContainer, name: str) -> VideoStream:
    """The stream that holds moving pictures; cover art does not count.

    Raises:
        MediaUsageError: there is none, or nothing here decodes it.
    """
    from av.stream import Disposition

    found = [s for s in container.streams.video if not s.disposition & Disposition.attached_pic]
    if not found:
        sound = ", ".join(s.codec_context.name for s in container.streams.audio if s.codec_context)
        has = f"only sound ({sound})" if sound else "no stream that FFmpeg can decode"
        raise MediaUsageError(f"{name}: has no picture, {has}; give a file with a video stream")
    if found[0].codec_context is None:
        raise MediaUsageError(
            f"{name}: its picture has a codec that FFmpeg here cannot decode; convert it to H.264 first"
        )
    return found[0]


def cut_off(container: InputContainer, stream: VideoStream, path: Path, reached: float) -> str | None:
    """Why a file that was read to its end is not whole, or None; `reached` is the last instant read in seconds."""
    entries = stream.index_entries
    size = path.stat().st_size
    if len(entries) and entries[-1].pos + entries[-1].size > size:
        return f"the file has {size:,} of at least {entries[-1].pos + entries[-1].size:,} bytes"
    if container.duration and "matroska" in container.format.name:  # elsewhere FFmpeg may have guessed it
        end = (container.duration + max(container.start_time or 0, 0)) / 1e6
        if reached < end - 1:
            return f"its header says {end:.1f} s"
    return None


def writable_file(path: str, overwrite: bool = True) -> Path:
    """`path` if a file can be made there; nothing is written yet.

    Raises:
        MediaUsageError: it is a folder, its folder is missing or closed to writing, or it exists and may not go.
    """
    file = Path(path).expanduser()
    folder = file.parent
    if file.is_dir():
        raise MediaUsageError(f"{path}: is a folder; give the name of a file to write")
    if not folder.is_dir():
        remedy = "choose another folder" if folder.exists() else "make it first"
        raise MediaUsageError(f"{path}: cannot be written: {no_folder(folder)}; {remedy}")
    if file.exists() and not overwrite:
        raise MediaUsageError(f"{path}: exists already; set overwrite: true or give another name")
    if not os.access(file if file.exists() else folder, os.W_OK):
        raise MediaUsageError(f"{path}: cannot be written: permission denied in {str(folder)!r}; choose another folder")
    return file
