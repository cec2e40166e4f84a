# SPDX-License-Identifier: GPL-2.0-only
"""From cells to built artefacts: every model, kernel and root file system that some cells need, once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from harness.artefacts.bootdisk import build_bootdisk
from harness.artefacts.features import require_nv2
from harness.artefacts.initrd import build_initrd
from harness.artefacts.kernel import build_kernel, load_kernel
from harness.artefacts.kernel.selftests import TESTS, build_selftests
from harness.artefacts.mainloop import build_mainloop
from harness.artefacts.model import Model, build_model, load_model
from harness.artefacts.overlay import overlaid
from harness.artefacts.payloads import MODULE_SOURCES, build_payloads
from harness.artefacts.plugin import Plugins, plugins_for
from harness.artefacts.rootfs import SELFTESTS, build_rootfs, load_rootfs
from harness.attempt.observe import plan_of
from harness.attempt.watch import may_watch
from harness.covering.artefact import DIRECTORY, build_covering
from harness.errors import UserError
from harness.host.cache import Artefact, Store
from harness.host.remaining import Remaining
from harness.level import Level
from harness.report.progress import Progress
from harness.runner.left import about
from harness.scenario.language import Cell, Hold, StackSpec
from harness.stack.images import StackImages


class Builder:
    """Builds what cells need, with progress; remembers what it has built in this process.

    ``then_s``: seconds from the end of a long build to the first verdict, where there will be one.
    """

    def __init__(self, store: Store, progress: Progress, then_s: float | None = None) -> None:
        self.store = store
        self._progress = progress
        self._then_s = then_s
        self._models: dict[str, Model] = {}
        self._kernels: dict[str, Artefact] = {}
        self._rootfs: dict[str, Artefact] = {}
        self._plugins: dict[str, Plugins] = {}
        self._without: set[str] = set()
        self._checked: set[tuple[str, str]] = set()
        self._mainloop: Artefact | None = None

    def images(self, spec: StackSpec, watched: bool = False, of_use: bool = False) -> StackImages:
        """Return everything that a stack is made of; ``UserError`` for a model without FEAT_NV2.

        ``watched``: with the plugins that its model can load; ``UserError`` when there are none.
        ``of_use``: with those that it can load, if any; so where it runs several vCPUs in turns.
        """
        model = self.model(spec.model)
        if (spec.model, spec.timing) not in self._checked:
            require_nv2(model, spec.timing)
            self._checked.add((spec.model, spec.timing))
        rootfs = {level: self.rootfs(each.rootfs, each.add) for level, each in spec.levels.items()}
        kernels = {level: self.kernel(each.kernel) for level, each in spec.levels.items()}
        boot = build_bootdisk(self.store, kernels)
        watched = watched or bool(model.spec.pa_bits)
        plugins = self.plugins(model) if watched else None
        in_turns = model.deterministic(spec.timing) and spec.levels[Level.L0].cpus > 1
        if (of_use or in_turns) and not watched and model.sha256 not in self._without:
            try:
                plugins = self.plugins(model)
            except UserError:  # its cells do without
                self._without.add(model.sha256)
        initrd = build_initrd(self.store, kernels[Level.L0], rootfs, boot)
        mainloop = self.mainloop() if model.deterministic(spec.timing) else None
        return StackImages(model, kernels, rootfs, initrd, plugins, mainloop)

    def bare_images(self, spec: StackSpec) -> StackImages:
        """Return the model of ``spec`` alone, for a bare machine: nothing else is built."""
        return StackImages(self.model(spec.model), {}, {})

    def mainloop(self) -> Artefact:
        """Return what orders QEMU's threads under icount."""
        if self._mainloop is None:
            with self._phase("main loop's order") as say:
                self._mainloop = build_mainloop(self.store, say)
        return self._mainloop

    def plugins(self, model: Model) -> Plugins:
        """Return the plugins that ``model`` can load."""
        if model.sha256 not in self._plugins:
            with self._phase(f"plugins for model {model.spec.name}") as say:
                self._plugins[model.sha256] = plugins_for(model, self.store, say)
        return self._plugins[model.sha256]

    def model(self, name: str) -> Model:
        """Return the model ``name``, unpacked and asked for its version."""
        if name not in self._models:
            with self._phase(f"model {name}") as say:
                self._models[name] = build_model(load_model(name), self.store, say)
        return self._models[name]

    def kernel(self, name: str) -> Artefact:
        """Return the kernel ``name`` with its modules."""
        if name not in self._kernels:
            spec = load_kernel(name)
            with self._phase(f"kernel {spec.name}") as say:
                self._kernels[name] = build_kernel(spec, self.store, MODULE_SOURCES, say)
        return self._kernels[name]

    def rootfs(self, name: str, add: str = "") -> Artefact:
        """Return the root file system ``name`` with our payloads in it, the files below ``add`` over it."""
        if add:
            base = self.rootfs(name)
            with self._phase(f"root file system {name} with {Path(add).name}"):
                return overlaid(self.store, base, Path(add))
        if name not in self._rootfs:
            with self._phase(f"root file system {name}") as say:
                payloads = build_payloads(self.store, say)
                spec = load_rootfs(name)
                data = {}
                if DIRECTORY in spec.data:
                    data[DIRECTORY] = build_covering(self.store, payloads, say).path / DIRECTORY
                if spec.selftests:
                    suite = build_selftests(load_kernel(spec.selftests), self.store, say)
                    data[SELFTESTS] = suite.path / TESTS
                self._rootfs[name] = build_rootfs(spec, self.store, payloads, say, data)
        return self._rootfs[name]

    def _with_verdict(self, note: str) -> str:
        if self._then_s is None or not isinstance(note, Remaining):
            return note
        return f"{note}, first verdict in {about(note.seconds + self._then_s)}"

    @contextmanager
    def _phase(self, text: str) -> Iterator[Callable[[str], None]]:
        key = f"build {text}"
        self._progress.phase(key, text)
        try:
            yield lambda note: self._progress.update(key, self._with_verdict(note))
        except BaseException:
            self._progress.done(key, False)
            raise
        self._progress.done(key, True)


def build_all(cells: Iterable[Cell], builder: Builder) -> Mapping[str, StackImages]:
    """Return the images of every cell by cell id."""
    return {
        cell.id: builder.images(cell.stack, needs_plugins(cell), of_use=uses_plugins(cell)) for cell in cells
    }


def needs_plugins(cell: Cell) -> bool:
    """Whether the model is to be watched: vCPUs held, the sanitizer, or because of what the cell expects."""
    holds = any(isinstance(step, Hold) for step in cell.steps)
    return bool(holds or cell.stack.sanitize or plan_of(cell.expectations).model)


def uses_plugins(cell: Cell) -> bool:
    """Whether there is something that the model shows better than the levels' kernels do."""
    return may_watch(cell.expectations, plan_of(cell.expectations))
