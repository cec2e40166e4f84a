# SPDX-License-Identifier: GPL-2.0-only
"""Boots of a stack whose QEMU is a program of this test: who is to blame when a level does not come up."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.check.splat import fatal
from harness.errors import Broken, InfraError
from harness.host.cache import Store
from harness.level import Level
from harness.machine.qemu import ModelCrashed
from harness.runner.project import default_stack
from harness.scenario.scenario import NO_OVERRIDES
from harness.stack import agent, boot, patience
from harness.stack import stack as stacks
from harness.stack.broken import LevelBroken, LevelFailed
from harness.stack.patience import BootNeed
from harness.stack.stack import Stack
from tests.attempt.conftest import fake_images

PROGRAM = """\
#!@PYTHON@
import json, os, signal, socket, subprocess, threading, time

def listen(name):
    server = socket.socket(socket.AF_UNIX)
    server.bind(name)
    server.listen()
    return server

def monitor(server):
    connection = server.accept()[0]
    answer = lambda data: connection.sendall(json.dumps(data).encode() + bytes([10]))
    answer({"QMP": {"version": {"qemu": {"major": 11, "minor": 0, "micro": 0}, "package": ""},
             "capabilities": []}})
    data = ""
    while data := data.lstrip() + connection.recv(4096).decode():
        asked, end = json.JSONDecoder().raw_decode(data)  # a request has no line of its own
        data = data[end:]
        text = REGISTERS if asked["execute"] == "human-monitor-command" else {}
        answer({"return": text, "id": asked.get("id")})

REGISTERS = "CPU#0\\n PC=ffff800080010abc X00=0000000000000001\\nPSTATE=604000c9 -ZC- EL2h\\n"
threading.Thread(target=monitor, args=[listen("qmp.sock")], daemon=True).start()
consoles = listen("console.sock")
if @WITH_AGENT@:
    child = subprocess.Popen([@AGENT@, "--socket", "agent.sock", "--next", "next.sock", "--level", "l0"])
else:
    listening = listen("agent.sock")
console = consoles.accept()[0]
console.sendall(b"[    0.100000] Booting, or not\\n")
@BEHAVIOUR@
"""
IDLE = "time.sleep(600)"
SPIN = "while True: sum(range(9999))"
Make = Callable[..., Stack]


@pytest.fixture
def make(tmp_path: Path, agent_binary: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Stacks whose model behaves as told once its sockets are there; waits and deadlines are short."""
    monkeypatch.setattr(agent, "WATCH_S", 0.2)
    monkeypatch.setattr(agent, "PING_S", 0.2)
    monkeypatch.setattr(patience, "IDLE_S", 1.0)
    monkeypatch.setattr(stacks, "WATCH_S", 0.2)
    monkeypatch.setattr("harness.stack.vmm.prepare_script", lambda _: "true")
    program = tmp_path / "qemu"
    spec = dataclasses.replace(default_stack(NO_OVERRIDES), timing="mttcg")
    made: list[Stack] = []

    def build(behaviour: str, *, with_agent: bool = False) -> Stack:
        text = PROGRAM.replace("@PYTHON@", sys.executable).replace("@AGENT@", repr(str(agent_binary)))
        text = text.replace("@WITH_AGENT@", str(with_agent)).replace("@BEHAVIOUR@", behaviour)
        program.write_text(text)
        program.chmod(0o755)
        images = fake_images(Store(tmp_path / "cache"), program)
        place = tmp_path / "place"
        place.mkdir()
        made.append(Stack(images, spec, place, slowdown=0.1, alarm=fatal))
        return made[-1]

    yield build
    for each in made:
        each.close()


def broken(stack: Stack, level: Level = Level.L0) -> Broken:
    with pytest.raises(Broken) as caught:
        stack.boot(level)
    return caught.value


def test_machine_that_idles_did_not_come_up(make: Make) -> None:
    stack = make(IDLE)
    error = broken(stack)
    assert isinstance(error, LevelBroken)
    assert (error.kind, error.name) == ("boot", "boot-l0")
    assert str(error).startswith("l0: did not come up: the machine is idle: it executed nothing for ")
    assert error.output == "[    0.100000] Booting, or not"
    assert (stack.booted, stack.booting) == (None, Level.L0)


def test_machine_that_loops_did_not_come_up(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "LOOP_SAMPLES", 2)
    stack = make(SPIN)  # with a slowdown of 0.1
    stack.needs = {Level.L0: BootNeed(0, 1.0)}
    monkeypatch.setattr(patience, "LEAST_CPU_S", 1.0)
    error = broken(stack)
    assert error.name == "boot-l0"
    assert "it was in no page of code but 0xffff800080010000" in str(error)
    assert "every CPU of the machine spins, and none changes a register" in str(error)


def test_machine_that_works_has_its_deadline(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(boot.DEADLINE_S, Level.L0, 15.0)
    assert "its agent did not answer within 2 s" in str(broken(make(SPIN)))  # 15 s times 0.1


def test_machine_that_the_host_starves_is_no_finding(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(boot.DEADLINE_S, Level.L0, 15.0)
    stack = make(SPIN)
    stack.needs = {Level.L0: BootNeed(0, 9999.0)}
    with pytest.raises(
        LevelFailed, match=r"the host gave the machine .* s of CPU time, and a boot takes 999.9"
    ):
        stack.boot(Level.L0)


def test_what_a_boot_took_is_noted(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.stack.vmm.vmm_command", lambda *_: "exec sleep 600")
    stack = make("child.wait()", with_agent=True)
    stack.boot(Level.L0)
    with pytest.raises(LevelBroken):
        stack.boot(Level.L1)
    assert set(stack.took) == {Level.L0}
    assert stack.took[Level.L0].cpu_s >= 0.0


def test_model_that_crashes_in_a_boot(make: Make) -> None:
    error = broken(make("print('hw/intc: assertion failed', flush=True); time.sleep(0.5); os.abort()"))
    assert isinstance(error, ModelCrashed)
    assert (error.kind, error.name) == ("boot", "model-crash")
    assert "hw/intc: assertion failed" in str(error)


def test_guest_that_resets_in_a_boot(make: Make) -> None:
    error = broken(make("time.sleep(0.5); raise SystemExit(0)"))
    assert error.name == "boot-l0"
    assert "L0 reset or powered off its machine" in str(error)
    assert error.output.endswith("Booting, or not")


@pytest.mark.parametrize("number", ["SIGKILL", "SIGTERM"])
def test_model_that_is_killed_is_no_finding(make: Make, number: str) -> None:
    with pytest.raises(InfraError, match=r"QEMU ended with signal (9|15)"):
        make(f"time.sleep(0.5); os.kill(os.getpid(), signal.{number})").boot(Level.L0)


def test_agent_that_goes_while_the_model_runs(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks, "EXPLAIN_S", 0.3)
    stack = make("time.sleep(1.5); child.kill(); child.wait(); time.sleep(600)", with_agent=True)
    stack.boot(Level.L0)
    with pytest.raises(LevelBroken, match="l0: its agent has gone, the model runs on") as caught:
        stack.run(Level.L0, "sleep 60", 300)
    assert (caught.value.kind, caught.value.name) == ("level", "level-l0")


def test_vmm_that_takes_its_time_to_end_is_waited_for(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its socket goes first, and then L0 tears down a VM: on a busy host for longer than one guesses."""
    monkeypatch.setattr(stacks, "EXPLAIN_S", 0.3)
    monkeypatch.setattr(stacks, "EXPLAIN_CPU_S", 300.0)
    monkeypatch.setattr("harness.stack.vmm.vmm_command", lambda *_: "sleep 2; exit 0")
    stack = make(SPIN, with_agent=True)
    stack.boot(Level.L0)
    stack._start_vmm(Level.L1)
    stack.booted = Level.L1
    with pytest.raises(LevelBroken, match="l1: its VMM at l0 ended with status 0: it reset or powered off"):
        stack.run(Level.L1, "true", 300)  # no agent of L1 listens


def test_vmm_that_goes_on_without_its_agent_is_given_up(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stacks, "EXPLAIN_CPU_S", 10.0)  # times the slowdown of 0.1
    monkeypatch.setattr("harness.stack.vmm.vmm_command", lambda *_: "exec sleep 600")
    stack = make(SPIN, with_agent=True)
    stack.boot(Level.L0)
    stack._start_vmm(Level.L1)
    stack.booted = Level.L1
    with pytest.raises(LevelBroken, match="l1: its agent has gone, its VMM runs on"):
        stack.run(Level.L1, "true", 300)


OOPS = Path(__file__).parents[1] / "check" / "splats" / "oops.txt"
WARN = OOPS.with_name("warn-new.txt")
PRINTS = "time.sleep(0.5); console.sendall({text!r}); child.wait()"


def test_kernel_that_dies_in_mid_command_is_noticed_at_once(make: Make) -> None:
    stack = make(PRINTS.format(text=OOPS.read_bytes()), with_agent=True)
    stack.boot(Level.L0)
    with pytest.raises(LevelBroken, match="l0: its kernel died: oops: Internal error: Oops") as caught:
        stack.run(Level.L0, "sleep 60", 300)
    assert caught.value.name == "level-l0"
    assert "Internal error: Oops: 0000000096000004" in caught.value.output
    stack.check()  # told once, so that what is left of the level can be asked for
    assert stack.run(Level.L0, "echo on", 20).text == "on\n"


def test_kernel_that_dies_at_boot_is_not_waited_for(make: Make) -> None:
    error = broken(make(f"console.sendall({OOPS.read_bytes()!r})\n{SPIN}"))
    assert error.name == "boot-l0"
    assert "its kernel died: oops" in str(error)


def test_kernel_that_warns_goes_on(make: Make) -> None:
    stack = make(PRINTS.format(text=WARN.read_bytes()), with_agent=True)
    stack.boot(Level.L0)
    assert stack.console(Level.L0).wait_for("WARNING: ", 10)
    assert stack.run(Level.L0, "sleep 1; echo on", 20).text == "on\n"


@pytest.mark.parametrize(
    ("vmm", "name", "words"),
    [
        ("echo 'kvm run failed' >&2; exit 1", "boot-l1", "its VMM at l0 ended with status 1: kvm run failed"),
        ("exit 0", "boot-l1", "its VMM at l0 ended with status 0: it reset or powered off"),
        ("kill -SEGV $$", "boot-l1", "its VMM at l0 ended with status 267"),
        ("exec sleep 600", "boot-l1", "the machine is idle"),
        ("kill -KILL $$", "", "its VMM at l0 ended with status 265"),
        ("exit 127", "", "its VMM at l0 ended with status 127"),
    ],
)
def test_vmm_that_ends_or_waits(
    make: Make, monkeypatch: pytest.MonkeyPatch, vmm: str, name: str, words: str
) -> None:
    monkeypatch.setattr("harness.stack.vmm.vmm_command", lambda *_: f"echo console of l1; {vmm}")
    stack = make("child.wait()", with_agent=True)
    stack.boot(Level.L0)
    if not name:
        with pytest.raises(LevelFailed, match=words):
            stack.boot(Level.L1)
        return
    error = broken(stack, Level.L1)
    assert (error.kind, error.name) == ("boot", name)
    assert words in str(error)
    assert "console of l1" in error.output
    assert (stack.booted, stack.booting) == (Level.L0, Level.L1)


def test_kernel_without_virtual_el2(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = make("child.wait()", with_agent=True)
    stack.boot(Level.L0)
    run = stack.run

    def caps(level: Level, command: str, timeout_s: float) -> object:
        return run(level, command.replace("nvh-kvm --caps", "echo arm_el2=0"), timeout_s)

    monkeypatch.setattr(stack, "run", caps)
    error = broken(stack, Level.L1)
    assert error.name == "boot-l1"
    assert "offers no virtual EL2 (arm_el2=0)" in str(error)
