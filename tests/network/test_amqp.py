"""The scanner changes no byte, whatever the pieces, and says where each frame begins and ends."""

from __future__ import annotations

import random

import pytest
from pamqp import body, commands, frame, header, heartbeat

from chaos.network.amqp import Mark, Scanner

FRAMES = [
    ("protocol", header.ProtocolHeader(0, 9, 1).marshal()),
    ("Connection.StartOk", frame.marshal(commands.Connection.StartOk({}, "PLAIN", "\0a\0b", "en_US"), 0)),
    ("Queue.Declare", frame.marshal(commands.Queue.Declare(queue="q"), 1)),
    ("Basic.Publish", frame.marshal(commands.Basic.Publish(routing_key="q"), 1)),
    ("header", frame.marshal(header.ContentHeader(body_size=5000, properties=commands.Basic.Properties()), 1)),
    ("body", frame.marshal(body.ContentBody(b"\xce" * 5000), 1)),
    ("heartbeat", heartbeat.Heartbeat().marshal()),
    ("Connection.Close", frame.marshal(commands.Connection.Close(200, "bye", 0, 0), 0)),
]
WHOLE = b"".join(data for _, data in FRAMES)


def _fed(pieces: list[bytes]) -> tuple[bytes, list[Mark], Scanner]:
    scanner = Scanner()
    passed, marks = b"", []
    for piece in pieces:
        ready, found = scanner.feed(piece)
        marks += [Mark(len(passed) + mark.offset, mark.name, mark.begins) for mark in found]
        passed += ready
    return passed + scanner.rest(), marks, scanner


def _expected() -> list[Mark]:
    at, marks = 0, []
    for name, data in FRAMES:
        marks += [Mark(at, name, True), Mark(at + len(data), name, False)]
        at += len(data)
    return marks


def _cut(data: bytes, seed: int) -> list[bytes]:
    cuts = sorted(random.Random(seed).sample(range(len(data)), 40))
    return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]


@pytest.mark.parametrize("pieces", [[WHOLE], [WHOLE[at:at + 1] for at in range(len(WHOLE))],
                                    *(_cut(WHOLE, seed) for seed in range(10))],
                         ids=["whole", "byte by byte", *(f"seed {seed}" for seed in range(10))])
def test_every_frame_is_found_wherever_the_pieces_are_cut(pieces: list[bytes]) -> None:
    passed, marks, scanner = _fed(pieces)
    assert passed == WHOLE
    assert marks == _expected()
    assert scanner.frames == len(FRAMES) - 1, "the protocol header is no frame"


@pytest.mark.parametrize("seed", range(10))
def test_what_is_not_amqp_passes_as_it_is(seed: int) -> None:
    noise = random.Random(seed).randbytes(3000)
    for before in (b"", WHOLE):
        passed, _, _ = _fed(_cut(before + noise, seed))
        assert passed == before + noise


def test_tls_is_not_taken_for_amqp() -> None:
    _, marks, scanner = _fed([bytes.fromhex("16030100c8010000c4") + b"x" * 200])
    assert not scanner.is_amqp and not marks


def test_what_is_held_back_is_never_more_than_it_takes_to_name_a_frame() -> None:
    scanner = Scanner()
    given = b""
    for at in range(len(WHOLE)):
        ready, _ = scanner.feed(WHOLE[at:at + 1])
        given += ready
        assert at + 1 - len(given) <= 11
