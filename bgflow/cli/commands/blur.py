"""`bgflow blur IN OUT`: blur what is behind the subject."""

from __future__ import annotations

from typing import Any

import click

from bgflow.cli import verbs


@click.command("blur")
@verbs.options
@click.option(
    "--blur",
    "radius",
    type=click.FloatRange(0.5, 25),
    default=5.0,
    show_default=True,
    help="How far, in % of the height.",
)
def command(**asked: Any) -> int:
    """Blur the background of IN and write OUT.

    IN is a picture, folder, glob or numbered pattern (shot_%04d.png), a video, a camera (/dev/video0), an address
    (rtsp://…) or synth://?frames=90. OUT is a picture, folder, pattern or video, or a page to watch in a browser:
    preview://@:8080 or webrtc://@:8080.
    """
    return verbs.perform("blur", **asked)
