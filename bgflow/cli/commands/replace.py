"""`bgflow replace IN OUT`: put the subject over another background."""

from __future__ import annotations

from typing import Any

import click

from bgflow.cli import verbs


@click.command("replace")
@verbs.options
@click.option(
    "-b", "--background", required=True, metavar="X", help="A colour (#00b140, green), picture, video, or gallery:NAME."
)
def command(**asked: Any) -> int:
    """Replace the background of IN and write OUT.

    IN is a picture, folder, glob or numbered pattern (shot_%04d.png), a video, a camera (/dev/video0), an address
    (rtsp://…) or synth://?frames=90. OUT is a picture, folder, pattern or video, or a page to watch in a browser:
    preview://@:8080 or webrtc://@:8080.
    """
    return verbs.perform("replace", **asked)
