"""`bgflow remove IN OUT`: cut the subject out."""

from __future__ import annotations

from typing import Any

import click

from bgflow.cli import verbs


@click.command("remove")
@verbs.options
@click.option("--mask-only", is_flag=True, help="Write the matte instead of the cut-out.")
def command(**asked: Any) -> int:
    """Remove the background of IN and write OUT with transparency.

    IN is a picture, folder, glob or numbered pattern (shot_%04d.png), a video, a camera (/dev/video0), an address
    (rtsp://…) or synth://?frames=90. OUT is a .png or .webp, a folder, a pattern, or a video: .webm (VP9) or .mov
    (ProRes 4444) can hold transparency.
    """
    return verbs.perform("remove", **asked)
