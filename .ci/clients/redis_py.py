"""Plays script.jsonl through redis-py: `redis_py.py PORT USER PASSWORD`."""

import json
import pathlib
import sys

import redis


def text(value):
    """A reply with text instead of bytes."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return [text(part) for part in value]
    return value


def fits(expected, reply):
    if expected == "*":
        return True
    if isinstance(expected, dict):
        return reply == expected["list"]
    if isinstance(expected, list):
        return expected[0] <= reply <= expected[1]
    return reply == expected


def main():
    port, user, password = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    script = pathlib.Path(__file__).with_name("script.jsonl")
    lines = [json.loads(line) for line in script.read_text().splitlines()]
    for protocol in (2, 3):
        client = redis.Redis(port=port, username=user, password=password, protocol=protocol)
        client.response_callbacks.clear()
        for line in lines:
            try:
                reply, error = text(client.execute_command(*line["send"])), None
            except redis.ResponseError as refused:
                reply, error = None, str(refused)
            if "error" in line:
                # redis-py takes some prefixes off.
                right = error is not None and line["error"].endswith(error)
            else:
                right = error is None and fits(line["reply"], reply)
            if not right:
                sys.exit(f"redis-py, RESP {protocol}: {line['send']}: {error or reply!r}")
        assert client.set("ci:py", "value") and client.get("ci:py") == b"value"
        client.delete("ci:py")
    print(f"redis-py {redis.__version__}: {len(lines)} commands, RESP 2 and 3")


main()
