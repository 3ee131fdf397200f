"""What schemathesis cannot know from the OpenAPI document: what a frame is, and what only the relay gives out."""

import itertools

import schemathesis
from hypothesis import strategies as st
from schemathesis.generation import GenerationMode


def frame(address: bytes, payload: bytes) -> bytes:
    """A data frame of the dialect `total`."""
    size = 5 + 2 + 4 + 1 + len(payload) + 1
    content = b"$TTMS" + size.to_bytes(2, "big") + address + b"\xaa" + payload
    checksum = 0
    for byte in content:
        checksum ^= byte
    return content + bytes([checksum])


frames = st.builds(frame, st.binary(min_size=4, max_size=4), st.binary(max_size=200))
schemathesis.openapi.media_type("application/octet-stream", st.lists(frames, min_size=1, max_size=5).map(b"".join))


keys = itertools.count()


@schemathesis.hook
def before_call(context, case, kwargs):
    """Takes out of a valid request what is right in itself, and wrong in this place, which the document says in words only."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    # Made up, it is of no list.
    case.query.pop("cursor", None)
    if ":" in str(case.query.get("remote_address", "")) and "." in case.query["remote_address"]:
        # As a connection shows it, with the port.
        case.query["remote_address"] = case.query["remote_address"].rsplit(":", 1)[0]
    if str(case.query.get("wait_ms", "")).isdecimal():
        # Nobody here waits longer.
        case.query["wait_ms"] = min(int(case.query["wait_ms"]), 100)
    if "Idempotency-Key" in case.headers:
        # The one of the example is for one message.
        case.headers["Idempotency-Key"] = f"key-{next(keys)}"
    if case.operation.label == "POST /api/v1/terminals/{ccid}/messages" and case.media_type == "application/json":
        # Fields of a JSON body.
        case.query.pop("source", None)
        case.query.pop("time_to_live_seconds", None)
