"""Compressed sound on its way past the pictures, from the source that reads it to the sink that writes it."""

from __future__ import annotations

import collections
import io
import threading
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av import Packet
    from av.audio.stream import AudioStream

LIMIT = 64 << 20  # bytes: over an hour of AAC at 128 kbit/s, three minutes of 48 kHz 16-bit stereo PCM


class AudioTrack:
    """The packets of one audio stream, in order; one thread puts, another takes.

    The packets are never decoded. `template` describes the codec; it is a copy, valid after the source has closed
    its file. At most `limit` bytes wait; when nobody takes them the oldest go, and `dropped` counts them. `shift`
    seconds are added to every time stamp; while it is None (the first picture of a live stream decides it) packets
    are thrown away. `ended` says that the source has put its last packet; a run that is stopped leaves it False.
    """

    def __init__(self, stream: AudioStream, limit: int = LIMIT):
        import av

        # A stream's description dies with its container, and the source may be done before the sink begins:
        # a container that is never written keeps a copy.
        self._holder = av.open(io.BytesIO(), "w", format="null")
        self.template: AudioStream = self._holder.add_stream_from_template(stream)
        self.codec: str = stream.codec_context.name
        self.limit, self.dropped = limit, 0
        self.shift: Fraction | None = Fraction(0)
        self.ended = False
        self._packets: collections.deque[Packet[AudioStream]] = collections.deque()
        self._bytes = 0
        self._last: Fraction | None = None
        self._lock = threading.Lock()

    def put(self, packet: Packet[AudioStream]) -> None:
        """Append a packet; one that is empty or not later than the last is skipped, as no file can hold it."""
        if not packet.size or packet.dts is None or packet.pts is None or self.shift is None:
            return
        if ticks := round(self.shift / packet.time_base):
            packet.pts += ticks
            packet.dts += ticks
        time = packet.dts * packet.time_base
        if self._last is not None and time <= self._last:
            return
        self._last = time
        with self._lock:
            self._packets.append(packet)
            self._bytes += packet.size
            while self._bytes > self.limit:
                self._bytes -= self._packets.popleft().size
                self.dropped += 1

    def fits(self, stream: AudioStream) -> bool:
        """Whether the packets of `stream` can go on where this track's ended."""
        ours, theirs = self.template.codec_context, stream.codec_context
        return (ours.name, ours.sample_rate, ours.layout.name) == (theirs.name, theirs.sample_rate, theirs.layout.name)

    def take(self) -> list[Packet[AudioStream]]:
        """All packets that wait, oldest first."""
        with self._lock:
            packets = list(self._packets)
            self._packets.clear()
            self._bytes = 0
        return packets
