from typing import Any


def judge(seen: Any) -> Any:
    return seen.passed("yes")


def two_parameters(seen: Any, more: str) -> Any:
    return seen.passed(more)
