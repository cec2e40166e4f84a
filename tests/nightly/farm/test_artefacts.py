# SPDX-License-Identifier: GPL-2.0-only
"""Artefacts on other machines: looked for by digest, brought over dask, and named where they are missing."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from harness.artefacts.plugin import Plugins
from harness.errors import InfraError, UserError
from harness.host.cache import Artefact, Store, load_artefact, sha256_file
from harness.nightly.farm import artefacts, dask_cluster, serve, work
from harness.nightly.farm import messages as words
from harness.nightly.farm.messages import ArtefactNeed, AttemptOrder
from tests.attempt.conftest import fake_images
from tests.nightly.farm import clusters
from tests.nightly.farm.conftest import ends, order


@pytest.fixture
def driver_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv("NVH_CACHE", str(tmp_path / "driver"))
    return Store()


def artefact(store: Store, size: int = 100_000) -> Artefact:
    def build(place: Path) -> dict[str, str]:
        (place / "deep").mkdir()
        (place / "deep/Image").write_bytes(bytes(range(256)) * (size // 256))
        (place / "run.sh").write_text("#!/bin/sh\n")
        (place / "run.sh").chmod(0o755)
        (place / "link").symlink_to("run.sh")
        return {"sha256": "0" * 64}

    return store.get_or_build("kernel", {"name": "made"}, build)


def need(made: Artefact) -> ArtefactNeed:
    return ArtefactNeed(made.kind, made.digest)


def test_an_artefact_travels_in_chunks(
    driver_cache: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = artefact(driver_cache)
    monkeypatch.setattr(artefacts, "CHUNK", 30_000)
    chunks = list(artefacts.pack(need(made), driver_cache.root))
    assert len(chunks) > 3
    monkeypatch.setenv("NVH_CACHE", str(tmp_path / "worker"))
    for number, chunk in enumerate(chunks):
        artefacts.receive(need(made), number, chunk)
    archive = next((tmp_path / "worker/tmp").iterdir())
    digest = sha256_file(archive)
    artefacts.complete(need(made), digest)
    arrived = load_artefact(tmp_path / "worker/kernel" / made.digest)
    assert arrived.manifest == made.manifest
    assert sha256_file(arrived.path / "deep/Image") == sha256_file(made.path / "deep/Image")
    assert (arrived.path / "run.sh").stat().st_mode & 0o111
    assert (arrived.path / "link").readlink() == Path("run.sh")
    assert list((tmp_path / "worker/tmp").iterdir()) == []


def test_a_damaged_or_foreign_archive_is_refused(
    driver_cache: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = artefact(driver_cache)
    (chunk,) = artefacts.pack(need(made), driver_cache.root)
    monkeypatch.setenv("NVH_CACHE", str(tmp_path / "worker"))
    artefacts.receive(need(made), 0, chunk)
    with pytest.raises(InfraError, match="arrived damaged"):
        artefacts.complete(need(made), "0" * 64)
    other = ArtefactNeed("kernel", "f" * 16)
    artefacts.receive(other, 0, chunk)
    digest = sha256_file(next((tmp_path / "worker/tmp").iterdir()))
    with pytest.raises(InfraError, match=f"what arrived as kernel/{'f' * 16} is kernel/{made.digest}"):
        artefacts.complete(other, digest)
    assert not (tmp_path / "worker/kernel").exists()


def lacking(run: Path, driver_cache: Store) -> AttemptOrder:
    made = artefact(driver_cache)
    return dataclasses.replace(order(run, "pass-1"), needs=(need(made),), cache=str(driver_cache.root))


def test_what_is_missing_is_named(run: Path, driver_cache: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = lacking(run, driver_cache)
    monkeypatch.setenv("NVH_CACHE", str(run / "worker"))
    ending = work.perform(asked)
    assert (ending.how, ending.missing) == (words.MISSING, asked.needs)
    assert f"lacks {asked.needs[0]}; share the driver's cache ({driver_cache.root})" in ending.reason
    monkeypatch.setenv("NVH_CACHE", str(driver_cache.root))
    assert work.perform(asked).how == words.PUBLISHED


def test_a_models_program_must_be_there_and_the_same(run: Path) -> None:
    program = run / "qemu"
    asked = dataclasses.replace(order(run, "pass-1"), program=str(program), program_sha256="0" * 64)
    assert "is not on this worker" in work.perform(asked).reason
    program.write_text("another build")
    assert "is another program on this worker: SHA-256" in work.perform(asked).reason
    same = dataclasses.replace(asked, program_sha256=sha256_file(program))
    assert work.perform(same).how == words.PUBLISHED


def test_paths_of_a_work_order_become_those_of_the_workers_cache(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = dataclasses.replace(order(run, "pass-1"), cache="/far/cache")
    path = Path(asked.directory) / "cell.json"
    images = {
        "initrd": "/far/cache/initrd/1",
        "model": {"launcher": ["/far/cache/model/2/ld.so", "--x", "/far/cachet"]},
    }
    path.write_text(json.dumps({"id": "/far/cache/stays", "images": images}))
    monkeypatch.setenv("NVH_CACHE", str(tmp_path / "own"))
    artefacts.relocate(asked)
    data = json.loads(path.read_text())
    assert data["id"] == "/far/cache/stays"
    assert data["images"]["initrd"] == f"{tmp_path}/own/initrd/1"
    assert data["images"]["model"]["launcher"] == [f"{tmp_path}/own/model/2/ld.so", "--x", "/far/cachet"]


@pytest.mark.real
def test_a_dask_worker_with_a_cache_of_its_own_is_brought_what_it_lacks(
    run: Path, driver_cache: Store, tmp_path: Path
) -> None:
    pytest.importorskip("distributed")
    asked = lacking(run, driver_cache)
    with clusters.dask_cluster(tmp_path / "c") as cluster:
        cluster.worker(1, NVH_CACHE=str(tmp_path / "worker"))
        backend = dask_cluster.Dask(cluster.address, run.name)
        try:
            backend.submit(asked)
            ending = ends(backend, 1)["pass-1"]
        finally:
            backend.close()
    assert ending.how == words.PUBLISHED, ending
    assert load_artefact(tmp_path / "worker/kernel" / asked.needs[0].digest).kind == "kernel"


@pytest.mark.real
def test_a_farm_with_keys_refuses_who_has_none(run: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    keys = tmp_path / "keys"
    dask_cluster.make_keys(keys)
    assert (keys / "key.pem").stat().st_mode & 0o777 == 0o600
    with pytest.raises(UserError, match="holds keys already"):
        dask_cluster.make_keys(keys)
    with clusters.dask_cluster(tmp_path / "c", keys) as cluster:
        cluster.worker(1)
        backend = dask_cluster.Dask(cluster.address, run.name, keys)
        try:
            backend.submit(order(run, "pass-1"))
            assert ends(backend, 1)["pass-1"].how == words.PUBLISHED
        finally:
            backend.close()
        other = tmp_path / "other"
        dask_cluster.make_keys(other)
        with pytest.raises(UserError, match="no dask scheduler answers"):
            dask_cluster.Dask(cluster.address, run.name, other)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:8786", "tls://[::1]:1", "localhost", "127.0.0.1"])
def test_loopback_needs_no_keys(address: str) -> None:
    assert dask_cluster.is_loopback(address)
    dask_cluster.check_address(address, None)


@pytest.mark.parametrize(
    "address", ["tcp://10.0.0.5:8786", "0.0.0.0", "tcp://[2001:db8::1]:8786", "nowhere.invalid"]
)
def test_a_network_needs_keys(address: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"use TLS \(\./nvh farm keys DIR"):
        dask_cluster.check_address(address, None)
    with pytest.raises(UserError, match="use TLS"):
        serve.scheduler_command(address, 8786, None)
    with pytest.raises(UserError, match="use TLS"):
        serve.worker_command(address, None, 1, tmp_path)
    with pytest.raises(UserError, match=r"lacks ca\.pem, cert\.pem, key\.pem"):
        serve.scheduler_command(address, 8786, tmp_path)


def test_what_a_machine_loads_is_needed_too(driver_cache: Store, tmp_path: Path) -> None:
    images = fake_images(driver_cache, tmp_path / "qemu")
    mine = artefact(driver_cache)
    before = artefacts.needs(images)
    assert need(images.root) in before
    assert need(mine) not in before
    assert need(mine) in artefacts.needs(dataclasses.replace(images, mainloop=mine))
    assert need(mine) in artefacts.needs(dataclasses.replace(images, plugins=Plugins(mine, 7)))
