"""What a scenario says about values, for the runners in Python (README.md, beside this)."""

from __future__ import annotations

from typing import Any


def look_up(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


def matches(value: Any, wanted: Any) -> bool:
    match wanted:
        case {"type": str(kind), **rest} if not rest:
            kinds: dict[str, Any] = {
                "string": str,
                "number": (int, float),
                "boolean": bool,
                "null": type(None),
            }
            # In Python, and only there, a bool is an int.
            return isinstance(value, kinds[kind]) and (
                kind == "boolean" or not isinstance(value, bool)
            )
        case {"contains": str(part), **rest} if not rest:
            return isinstance(value, str) and part in value
        case {"not": other, **rest} if not rest:
            return bool(value != other)
        case {"length": int(length), **rest} if not rest:
            return len(value) == length
    return bool(value == wanted)
