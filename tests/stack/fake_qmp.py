#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""In the place of socat: QEMU's monitor as the scripts of harness/stack see it, its state a file of JSON."""

import json
import os
import sys
from pathlib import Path
from typing import Any

STATE = Path(os.environ["FAKE_QMP"])


def answer(state: dict[str, Any], name: str, arguments: dict[str, Any]) -> object:
    """What QEMU returns, and what becomes of its state; a ``ValueError`` is its refusal."""
    if name == "balloon":
        state["wanted"] = arguments["value"]
        return {}
    if name == "query-balloon":
        step = state["wanted"] - state["actual"]
        state["actual"] += step if not state.get("stuck") else 0
        return {"actual": state["actual"]}
    if name == "qom-get":
        if arguments["property"] == "size" and not state.get("stuck"):
            state["size"] = state["requested-size"]
        return state[arguments["property"]]
    if name == "qom-set":
        state[arguments["property"]] = arguments["value"]
        return {}
    if name == "migrate":
        if why := state.get("blocked"):
            raise ValueError(why)
        state["uri"] = arguments["uri"]
        return {}
    if name == "query-migrate":
        state["asked"] = state.get("asked", 0) + 1
        status = state["ends"] if state["asked"] > 1 else "active"
        return {
            "status": status,
            "downtime": 41,
            "total-time": 9,
            "ram": {"total": 4096000, "normal": 900, "duplicate": 250, "dirty-sync-count": 3, "remaining": 0},
        }
    return {}


def main() -> None:
    """Answer each line of the input."""
    state = json.loads(STATE.read_text())
    print(json.dumps({"QMP": {"version": {"qemu": {"major": 11}}}}))
    for line in sys.stdin:
        said = json.loads(line)
        state.setdefault("heard", []).append(said["execute"])
        try:
            print(
                json.dumps({"return": answer(state, said["execute"], said.get("arguments", {}))}), flush=True
            )
        except ValueError as error:
            print(json.dumps({"error": {"class": "GenericError", "desc": str(error)}}), flush=True)
    STATE.write_text(json.dumps(state))


main()
