"""Hand a received picture on with its last packet; aiortc waits for the first packet of the next one."""

from __future__ import annotations

from typing import Any

from aiortc.jitterbuffer import JitterBuffer, JitterFrame


class PromptJitterBuffer(JitterBuffer):
    """Ends a frame at the RTP marker bit (RFC 3550, section 5.1), which saves one frame interval of latency."""

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        frame = super()._remove_frame(sequence_number)
        if frame is not None or self._origin is None:
            return frame
        packets: list[Any] = []
        for count in range(self._capacity):
            packet: Any = self._packets[(self._origin + count) % self._capacity]
            if packet is None or (packets and packet.timestamp != packets[0].timestamp):
                return None
            packets.append(packet)
            if packet.marker:
                self.remove(count + 1)
                return JitterFrame(b"".join(p._data for p in packets), packet.timestamp)
        return None


def make_prompt(receiver: Any) -> None:
    """Give a receiver of video this buffer, before it starts; one of another aiortc is left as it is."""
    name = "_RTCRtpReceiver__jitter_buffer"
    old = getattr(receiver, name, None)
    if type(old) is JitterBuffer and hasattr(old, "_remove_frame"):
        setattr(receiver, name, PromptJitterBuffer(old.capacity, is_video=True))
