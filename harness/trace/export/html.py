# SPDX-License-Identifier: GPL-2.0-only
"""A timeline as one HTML file that needs nothing else: no network, no fonts, no server.

The page's parts are in ``page/``: a template, a style sheet and scripts, all put into the one file. Events
are foreign text, so they travel as JSON and reach the page as text nodes only.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import jinja2
from markupsafe import Markup

from harness.trace.event import Event
from harness.trace.export.thin import LIMIT, Thinned, thin
from harness.trace.export.view import (
    Key,
    View,
    key_of,
    loss_times,
    shown_times,
    track_name,
    track_of,
    tracks_of,
)

PAGE = Path(__file__).with_name("page")
SCRIPTS = ("data.js", "draw.js", "page.js")


class _Texts:
    """Numbers the texts of a page; each is stored once."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def __getitem__(self, text: str) -> int:
        return self.numbers.setdefault(text, len(self.numbers))


def _value(value: int | str) -> str:
    return value if isinstance(value, str) else str(value) if abs(value) < 10 else hex(value)


def data_of(view: View, limit: int = LIMIT) -> dict[str, Any]:
    """What the page's scripts read (``page/data.js`` names the parts); at most ``limit`` events."""
    thinned = thin(view, limit)
    timeline = view.timeline
    tracks = tracks_of(timeline)
    numbers = {track: number for number, track in enumerate(tracks)}
    texts, shapes = _Texts(), dict[tuple[str, ...], int]()
    times = shown_times(timeline.events)
    rows = []
    places: dict[Key, int] = {}
    for place, event in enumerate(thinned.events):
        places[key_of(event)] = place
        shape = shapes.setdefault(tuple(event.fields), len(shapes))
        values = [texts[_value(value)] for value in event.fields.values()]
        head = [times[key_of(event)], texts[event.name], numbers[track_of(event)]]
        rows.append([*head, texts[event.task], event.seq, shape, *values])
    return {
        "title": view.title,
        "total": len(timeline.events),
        "thinned": _thinned(thinned),
        "tracks": [{"name": track_name(t), "level": str(t[0]), "source": t[1]} for t in tracks],
        "events": rows,
        "shapes": [[texts[key] for key in shape] for shape in shapes],
        "marks": [[m.time_ns, m.source, m.name] for m in timeline.marks],
        "losses": [
            [begin, end, loss.source, loss.count, loss.reason] for loss, begin, end in loss_times(timeline)
        ],
        "doubts": [[doubt.source, doubt.text] for doubt in timeline.doubts],
        "missing": dict(timeline.missing),
        "spans": _spans(view, places),
        "highlights": [
            {
                "name": each.name,
                "verdict": each.verdict,
                "message": each.message,
                "event": _place(each.trigger, places),
                "context": sorted(_places(each.context, places)),
            }
            for each in view.highlights
        ],
        "texts": list(texts.numbers),
    }


def _thinned(thinned: Thinned) -> list[list[str | int]]:
    return [[name, shown, there] for name, (shown, there) in thinned.left_out.items()]


def _spans(view: View, places: Mapping[Key, int]) -> list[list[Any]]:
    found = []
    for span in view.timeline.spans:
        inside = _places(span.events, places)
        if inside:
            found.append([span.id, span.op or span.kind, span.kind, inside, span.open])
    return found


def _place(event: Event | None, places: Mapping[Key, int]) -> int:
    return -1 if event is None else places.get(key_of(event), -1)


def _places(events: Iterable[Event], places: Mapping[Key, int]) -> Sequence[int]:
    return [place for event in events if (place := _place(event, places)) >= 0]


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGE), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("timeline.html.j2")


def render(view: View, limit: int = LIMIT) -> str:
    """The page; see ``thin`` for what is left out beyond ``limit`` events."""
    data = json.dumps(data_of(view, limit), separators=(",", ":"), ensure_ascii=True)
    return _template().render(
        title=view.title,
        style=Markup((PAGE / "timeline.css").read_text(encoding="utf-8")),
        script=Markup("\n".join((PAGE / name).read_text(encoding="utf-8") for name in SCRIPTS)),
        # In a script element only "<" can end the data or begin a comment (HTML, 4.12.1.3).
        data=Markup(data.replace("<", "\\u003c")),
    )


def write(view: View, stream: IO[bytes], limit: int = LIMIT) -> list[str]:
    """Write the page; returns a note where events were left out."""
    stream.write(render(view, limit).encode())
    out = len(view.timeline.events) - limit
    return [f"{len(view.timeline.events)} events, {limit} shown; the page says which"] if out > 0 else []
