"""Teaches schemathesis what the OpenAPI document cannot express: the form of a frame, and values that only the relay issues."""

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
    """Removes values from a valid request that are wrong only in their context, which the document states in prose."""
    if case.meta is None or case.meta.generation.mode != GenerationMode.POSITIVE:
        return
    # A generated cursor belongs to no list.
    case.query.pop("cursor", None)
    if ":" in str(case.query.get("remote_address", "")) and "." in case.query["remote_address"]:
        # A connection's address contains the port; the filter does not.
        case.query["remote_address"] = case.query["remote_address"].rsplit(":", 1)[0]
    if str(case.query.get("wait_ms", "")).isdecimal():
        # Bounds the duration of the run.
        case.query["wait_ms"] = min(int(case.query["wait_ms"]), 100)
    if "Idempotency-Key" in case.headers:
        # The example's key is for one message.
        case.headers["Idempotency-Key"] = f"key-{next(keys)}"
    if case.operation.label == "POST /api/v1/terminals/{ccid}/messages" and case.media_type == "application/json":
        # In a JSON body these are fields.
        case.query.pop("source", None)
        case.query.pop("time_to_live_seconds", None)
