"""Protocol Buffers' wire format, as much of it as ONNX files need: https://protobuf.dev/programming-guides/encoding"""

from __future__ import annotations

from collections.abc import Iterator


def fields(message: memoryview) -> Iterator[tuple[int, memoryview, memoryview]]:
    """Every field: its number, all of its bytes, and its value (a varint stays encoded); ValueError where broken."""
    at = 0
    while at < len(message):
        start = at
        key, at = _read(message, at)
        match key & 7:
            case 0:
                begin, at = at, _read(message, at)[1]
            case 1:
                begin, at = at, at + 8
            case 2:
                size, begin = _read(message, at)
                at = begin + size
            case 5:
                begin, at = at, at + 4
            case _:
                raise ValueError(f"byte {start} starts no field")
        if at > len(message) or key < 8:
            raise ValueError(f"the field at byte {start} is broken")
        yield key >> 3, message[start:at], message[begin:at]


def field(message: memoryview, number: int) -> memoryview:
    """The value of the first field of that number, or nothing."""
    return next((value for n, _, value in fields(message) if n == number), memoryview(b""))


def number(value: memoryview) -> int:
    """A varint's value."""
    return _read(value, 0)[0]


def text(value: memoryview) -> str:
    """A string's value."""
    return bytes(value).decode("utf-8", "replace")


def message(number: int, value: bytes) -> bytes:
    """A field that holds bytes, a string or a message."""
    return varint(number << 3 | 2) + varint(len(value)) + value


def string(number: int, value: str) -> bytes:
    """A field that holds a string."""
    return message(number, value.encode())


def integer(number: int, value: int) -> bytes:
    """A field that holds a number from 0 on."""
    return varint(number << 3) + varint(value)


def varint(value: int) -> bytes:
    """A number from 0 on, seven bits a byte."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _read(message: memoryview, at: int) -> tuple[int, int]:
    """A varint and where the next thing starts."""
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
    raise ValueError(f"the number at byte {at} does not end")
