# SPDX-License-Identifier: GPL-2.0-only
"""The backend ``dask``: a dask.distributed cluster, whose scheduler and workers ``nvh farm`` starts.

A worker's death is reported, never hidden: the scheduler retries nothing by itself (``nvh farm scheduler``
says so to it, and a second worker refuses an attempt that another one began). Off the loopback interface
everything goes over TLS with keys that both sides know (``nvh farm keys``).
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress
import queue
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.document.as_json import from_data, to_data
from harness.errors import UserError
from harness.host.cache import Store
from harness.nightly.farm import artefacts, work
from harness.nightly.farm.backend import BEGAN, ENDED, STAGE, News
from harness.nightly.farm.messages import (
    CANCELLED,
    LOST,
    MISSING,
    NOTHING,
    ArtefactNeed,
    AttemptEnding,
    AttemptOrder,
)
from harness.report.publish import make_directory

CPUS, MEMORY = "nvh_cpus", "nvh_mib"
TOPIC = "nvh"
KEYS = ("ca.pem", "cert.pem", "key.pem")
CONNECT_S = 30.0
LISTENS_S = 1.0
"""How long a scheduler may take to accept a connection where it is asked only whether it is there."""
FETCHES = 3
"""How often a worker is brought what it lacks for one attempt."""


def need_distributed() -> Any:
    """Return the module ``distributed``; ``UserError`` without it."""
    try:
        import distributed
    except ImportError as error:
        raise UserError(
            "the backend dask needs the package distributed: pip install 'nvh[nightly]'"
        ) from error
    return distributed


def is_loopback(address: str) -> bool:
    """Whether an address such as ``tls://host:8786`` is this machine's loopback interface."""
    match = re.fullmatch(r"(?:\w+://)?(\[[^\]]+\]|[^:/]+)(?::\d+)?/?", address)
    host = match[1].strip("[]") if match else address
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return bool(found) and all(ipaddress.ip_address(each).is_loopback for each in found)


def security(keys: Path | None) -> Any:
    """Return dask's TLS settings for a directory of ``nvh farm keys``; ``UserError`` for one that is not
    whole.
    """
    if keys is None:
        return None
    lacking = [name for name in KEYS if not (keys / name).is_file()]
    if lacking:
        raise UserError(f"{keys} lacks {', '.join(lacking)}; make the keys with: ./nvh farm keys {keys}")
    ca, cert, key = (str(keys / name) for name in KEYS)
    return need_distributed().Security(
        require_encryption=True,
        tls_ca_file=ca,
        **{
            f"tls_{role}_{part}": path
            for role in ("client", "scheduler", "worker")
            for part, path in (("cert", cert), ("key", key))
        },
    )


def check_address(address: str, keys: Path | None) -> None:
    """Refuse what would go over a network without TLS."""
    if keys is None and not is_loopback(address):
        raise UserError(
            f"{address} is not the loopback interface: use TLS "
            "(./nvh farm keys DIR, then --keys DIR everywhere)"
        )


def check_listening(address: str, keys: Path | None) -> None:
    """Raise ``UserError`` within seconds unless something accepts connections at ``address``.

    dask itself goes on trying for minutes.
    """
    match = re.fullmatch(r"(?:(tcp|tls)://)?(\[[^\]]+\]|[^:/]+):([0-9]+)/?", address)
    if match is None or int(match[3]) > 65535:
        raise UserError(
            f"{address!r} is not a scheduler's address; write tcp://HOST:PORT, or tls://HOST:PORT"
        )
    if match[1] == "tls" and keys is None:
        raise UserError(f"{address} needs the farm's keys: --keys DIR")
    if match[1] != "tls" and keys is not None:
        raise UserError(f"with --keys the address begins with tls://: tls://{match[2]}:{match[3]}")
    check_address(address, keys)
    try:
        with socket.create_connection((match[2].strip("[]"), int(match[3])), timeout=LISTENS_S):
            pass
    except OSError as error:
        raise UserError(
            f"no dask scheduler listens at {address}: {error.strerror or error}; start one with: "
            "./nvh farm scheduler"
        ) from error


def _perform(data: dict[str, Any]) -> dict[str, Any]:
    """On a worker: carry out an order, and pass its stages on."""
    from distributed import get_worker

    worker = get_worker()
    order = from_data(AttemptOrder, data)

    def say(text: str) -> None:
        worker.log_event(TOPIC, {"key": order.key, "what": STAGE, "text": text})

    worker.log_event(TOPIC, {"key": order.key, "what": BEGAN, "text": work.me()})
    return {**to_data(work.perform(order, say)), "address": worker.address}


def _receive(need: dict[str, str], number: int, chunk: bytes) -> None:
    artefacts.receive(ArtefactNeed(**need), number, chunk)


def _complete(need: dict[str, str], digest: str) -> None:
    artefacts.complete(ArtefactNeed(**need), digest)


class Dask:
    """A client of one scheduler."""

    name = "dask"

    def __init__(self, address: str, run: str, keys: Path | None = None) -> None:
        distributed = need_distributed()
        check_address(address, keys)
        self._distributed = distributed
        self._run = run
        try:
            self._client = distributed.Client(
                address, security=security(keys), timeout=CONNECT_S, set_as_default=False, name="nvh"
            )
        except (OSError, TimeoutError) as error:
            raise UserError(
                f"no dask scheduler answers at {address}: {error}; start one with: ./nvh farm scheduler"
            ) from error
        self._news: queue.SimpleQueue[News] = queue.SimpleQueue()
        self._orders: dict[str, AttemptOrder] = {}
        self._futures: dict[str, Any] = {}
        self._fetched: dict[tuple[str, int], int] = {}
        self._cancelled: set[str] = set()
        self._have: list[Mapping[str, float]] = []  # the workers' resources as they were seen last
        self._count = 0
        self._client.subscribe_topic(TOPIC, self._event)

    @property
    def slots(self) -> int:
        """The threads of the workers that are there now."""
        return max(1, sum(int(each["nthreads"]) for each in self._workers()))

    @property
    def window(self) -> int | None:
        """A little more than there are slots: dask deals out at once, and the plan's order is kept here."""
        slots = self.slots
        return slots + max(2, slots // 2)

    def _name(self, order: AttemptOrder, again: int = 0) -> str:
        end = f"-{again}" if again else ""
        return f"nvh-{self._run}-{order.key}-{order.attempt}{end}"

    def submit(self, order: AttemptOrder) -> str:
        """Submit the order as a task that only a worker with its resources takes."""
        self._orders[order.key] = order
        self._cancelled.discard(order.key)
        return self._send(order, self._name(order))

    def _send(self, order: AttemptOrder, name: str, worker: str | None = None) -> str:
        place = {"workers": [worker], "allow_other_workers": False} if worker else {}
        self._count += 1
        future = self._client.submit(
            _perform,
            to_data(order),
            key=name,
            pure=False,
            retries=0,
            priority=-self._count,  # in the order of submission, whichever worker takes it
            resources=self._admissible(order),
            **place,
        )
        # It goes on when this driver dies, so that the next one can take it over.
        self._distributed.fire_and_forget(future)
        self._watch(order.key, future)
        return name

    def _admissible(self, order: AttemptOrder) -> Mapping[str, int]:
        """What the order asks for; where no worker has so much, all that the largest one has.

        As on one machine: one cell always fits. Otherwise it would wait for ever.
        """
        wanted = {CPUS: order.cpus, MEMORY: order.memory_mib}
        if not self._fits(wanted):
            self._have = [each["resources"] for each in self._workers()]
        have = [each for each in self._have if wanted.keys() <= each.keys()]
        if not have or self._fits(wanted):
            return wanted
        largest = max(have, key=lambda each: (each[CPUS], each[MEMORY]))
        return {name: min(wanted[name], int(largest[name])) for name in wanted}

    def _fits(self, wanted: Mapping[str, int]) -> bool:
        return any(all(each.get(name, 0) >= wanted[name] for name in wanted) for each in self._have)

    def _workers(self) -> list[dict[str, Any]]:
        return list(self._client.scheduler_info(n_workers=-1)["workers"].values())

    def _watch(self, key: str, future: Any) -> None:
        self._futures[key] = future
        future.add_done_callback(lambda done, key=key: self._done(key, done))

    def flush(self) -> None:
        """Nothing waits for that."""

    def adopt(self, order: AttemptOrder, token: str) -> bool:
        """Submit it again under its old name: the scheduler keeps the task of that name, and tells this
        client too how it ends. One that never arrived begins now; one whose worker is gone has left its mark.
        """
        self._orders[order.key] = order
        self._send(order, token or self._name(order))
        return True

    def cancel(self, key: str) -> None:
        """Tell every worker to end the cell; dask itself cannot end what has begun."""
        self._cancelled.add(key)
        future = self._futures.get(key)
        if future is None:
            return
        ran = self._client.run(work.cancel, key, on_error="ignore")
        if not any(value is True for value in ran.values()):
            future.cancel(force=True)

    def poll(self, timeout_s: float) -> list[News]:
        """Return what happened; what a worker lacked is brought to it here."""
        found: list[News] = []
        try:
            each = self._news.get(timeout=timeout_s)
            while True:
                found += self._settled(each)
                each = self._news.get_nowait()
        except queue.Empty:
            return found

    def close(self) -> None:
        """Cancel what is left, and leave the cluster as it was found."""
        for key in list(self._futures):
            with contextlib.suppress(Exception):
                self.cancel(key)
        self._client.close()

    def _event(self, event: tuple[Any, dict[str, str]]) -> None:
        message = event[1]
        if message["key"] in self._futures:
            self._news.put(News(message["key"], message["what"], message["text"]))

    def _done(self, key: str, future: Any) -> None:
        """In dask's own thread: turn a future into news, without asking the cluster for anything."""
        if future.status == "finished":
            self._news.put(News(key, "finished"))
        elif future.status in ("cancelled", "lost"):
            how = CANCELLED if key in self._cancelled else LOST
            ending = AttemptEnding(how, "cancelled" if how == CANCELLED else "the scheduler lost it")
            self._news.put(News(key, ENDED, ending=ending))
        else:
            self._news.put(News(key, "erred"))

    def _settled(self, news: News) -> list[News]:
        if news.what not in ("finished", "erred", ENDED):
            return [news]
        future = self._futures.get(news.key)
        if future is None:
            return []
        if news.what == "erred":
            error = future.exception()
            lost = type(error).__name__ == "KilledWorker"
            who = f"worker {error.last_worker.address} died" if lost else f"the task failed: {error!r}"
            ending = AttemptEnding(LOST if lost else NOTHING, who)
        elif news.what == "finished":
            data = dict(future.result())
            address = str(data.pop("address"))
            ending = from_data(AttemptEnding, data)
            if ending.how == MISSING and self._bring(self._orders[news.key], ending, address):
                return []
        else:
            assert news.ending is not None
            ending = news.ending
        del self._futures[news.key]
        return [News(news.key, ENDED, ending=ending)]

    def _bring(self, order: AttemptOrder, ending: AttemptEnding, address: str) -> bool:
        """Bring a worker what it lacks, by digest, and send it the order again; whether that worked."""
        count = self._fetched.get((order.key, order.attempt), 0)
        if count >= FETCHES or order.key in self._cancelled:
            return False
        self._fetched[order.key, order.attempt] = count + 1
        try:
            for need in ending.missing:
                self._news.put(News(order.key, STAGE, f"bringing {need} to {address}"))
                self._transfer(need, address)
        except Exception as error:  # dask's own or the worker's: the cell says what it lacks, and why
            self._news.put(News(order.key, STAGE, f"that failed: {error}"))
            return False
        self._send(order, self._name(order, count + 1), address)
        return True

    def _transfer(self, need: ArtefactNeed, address: str) -> None:
        place = {"workers": [address], "allow_other_workers": False, "pure": False}
        named = {"kind": need.kind, "digest": need.digest}
        total = hashlib.sha256()
        for number, chunk in enumerate(artefacts.pack(need, Store().root)):
            total.update(chunk)
            self._client.submit(_receive, named, number, chunk, **place).result()
        self._client.submit(_complete, named, total.hexdigest(), **place).result()


def make_keys(directory: Path) -> None:
    """Write a new key and certificate for a farm; ``UserError`` when there are some already."""
    distributed = need_distributed()
    if any((directory / name).exists() for name in KEYS):
        raise UserError(f"{directory} holds keys already; name another directory")
    try:
        made = distributed.Security.temporary()
    except ImportError as error:
        raise UserError(f"{error}; pip install 'nvh[nightly]'") from error
    make_directory(directory)
    directory.chmod(0o700)
    for name, text in zip(KEYS, (made.tls_ca_file, made.tls_client_cert, made.tls_client_key), strict=True):
        path = directory / name
        path.touch(0o600)
        path.write_text(text)
