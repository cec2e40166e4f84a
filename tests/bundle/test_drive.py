# SPDX-License-Identifier: GPL-2.0-only
"""Console models over every line: what is kept, what ends them, and that no process is left."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
import paramiko.common
import pytest

from harness.bundle.console_model import load_console
from harness.bundle.drive import Driven, drive
from harness.bundle.judged import Asked, judge
from harness.errors import InfraError, InputError, UserError
from harness.ktap.read import read
from harness.verdict import Verdict
from tests.ci import ELSEWHERE
from tests.ktap.conftest import make_tree, recorded, write_bundle

MODEL = """\
console: board
summary: A board.
line: {line}
slowdown: 1.0
{more}
"""
DEADLINE_S = 30.0


@pytest.fixture
def tree(runner: Path, tmp_path: Path) -> Path:
    write_bundle(tmp_path / "bundle", dict.fromkeys(recorded(), 1))
    return make_tree(runner, tmp_path / "tree", recorded())


def run(tmp_path: Path, line: str, more: str, **bounds: float) -> Driven:
    (tmp_path / "board.yaml").write_text(MODEL.format(line=line, more=more))
    model = load_console(str(tmp_path / "board.yaml"))
    found = drive(model, tmp_path / "bundle", tmp_path / "log", ["cases=s1-own/*"], **bounds)  # type: ignore[arg-type]
    assert not alive(tmp_path), "a process is left"
    return found


def alive(tmp_path: Path) -> list[str]:
    """Command lines of processes that run something of this test."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(tmp_path) in text and int(entry.parent.name) != os.getpid():
            found.append(text)
    return found


def verdict(tmp_path: Path) -> Verdict:
    summary, directory = judge(Asked(tmp_path / "log", tmp_path / "bundle", tmp_path / "out"))
    assert (directory / "junit.xml").is_file()
    assert (directory / "index.html").is_file()
    return summary.worst


def shell(script: str) -> str:
    return f"command: [sh, -c, '{script}']"


@pytest.mark.parametrize("line", ["pipe", "pty"])
def test_a_program(tree: Path, tmp_path: Path, line: str) -> None:
    driven = run(tmp_path, line, f"command: [{tree}/nvh-bundle, '{{options}}']")
    assert driven.why == "the log's end"
    assert verdict(tmp_path) is Verdict.PASS


class Server(threading.Thread):
    """A console server on loopback: what its one client gets is played from ``parts``, with pauses.

    ``end``: then it goes away by a reset, or hangs until the client goes; else it takes what the client says.
    """

    def __init__(
        self, listener: socket.socket, parts: list[bytes], pause_s: float = 0.0, end: str = ""
    ) -> None:
        super().__init__(daemon=True)
        self.listener = listener
        self.parts = parts
        self.pause_s = pause_s
        self.end = end
        self.got = b""

    def run(self) -> None:
        self.listener.settimeout(DEADLINE_S)
        connection, _ = self.listener.accept()
        connection.settimeout(0.5)
        with connection:
            for part in self.parts:
                connection.sendall(part)
                time.sleep(self.pause_s)
            if self.end == "reset":
                time.sleep(0.2)  # what was sent is there by then
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return
            if self.end == "hang":
                connection.settimeout(DEADLINE_S)
            try:
                while data := connection.recv(4096):
                    self.got += data
            except TimeoutError:
                pass


@pytest.fixture
def log(tree: Path) -> bytes:
    words = [str(tree / "nvh-bundle"), "--cases=s1-own/*"]
    return subprocess.run(words, capture_output=True, check=True, timeout=DEADLINE_S).stdout


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        yield found


def port(listener: socket.socket) -> int:
    return int(listener.getsockname()[1])


def test_tcp_at_9600_baud(log: bytes, listener: socket.socket, tmp_path: Path) -> None:
    """As a UART sends: 96 bytes in a tenth of a second."""
    server = Server(listener, [log[at : at + 96] for at in range(0, len(log), 96)], 0.1)
    server.start()
    assert run(tmp_path, f"tcp:127.0.0.1:{port(listener)}", "").why == "the log's end"
    assert verdict(tmp_path) is Verdict.PASS


def test_unix_socket(log: bytes, tmp_path: Path) -> None:
    path = Path("/tmp") / f"nvh-test-{os.getpid()}.sock"
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            Server(listener, [log]).start()
            assert run(tmp_path, f"unix:{path}", "").why == "the log's end"
    finally:
        path.unlink(missing_ok=True)
    assert verdict(tmp_path) is Verdict.PASS


def test_telnet_options_are_refused_and_taken_out(
    log: bytes, listener: socket.socket, tmp_path: Path
) -> None:
    half = len(log) // 2
    parts = [b"\xff\xfd\x01\xff", b"\xfb\x03", log[:half], b"\xff\xfa\x18\x01", b"\xff\xf0", log[half:]]
    server = Server(listener, parts, 0.02)
    server.start()
    assert run(tmp_path, f"telnet:127.0.0.1:{port(listener)}", "").why == "the log's end"
    server.join(DEADLINE_S)
    assert (tmp_path / "log").read_bytes() == log
    assert server.got == b"\xff\xfc\x01\xff\xfe\x03"
    assert verdict(tmp_path) is Verdict.PASS


def test_a_dialogue_starts_it(tree: Path, tmp_path: Path) -> None:
    """A boot loader: a key stops it, a command boots. And the power is switched on before, off after."""
    script = (
        f'printf "Hit any key: "; read -r key; printf "=> "; read -r words; '
        f'case $words in *nvh.cases=s1-own/*) exec {tree}/nvh-bundle "--cases=s1-own/*" ;; esac'
    )
    more = "\n".join(
        [
            f"command: [sh, -c, {script!r}]".replace("\\'", "''"),
            f"power-on: [touch, {tmp_path}/on]",
            f"power-off: [touch, {tmp_path}/off]",
            'dialogue: [{ready: "any key: $", send: "\\n"}, {ready: "=> $", send: "boot {append}\\n"}]',
        ]
    )
    assert run(tmp_path, "pipe", more).why == "the log's end"
    assert (tmp_path / "on").exists()
    assert (tmp_path / "off").exists()
    assert verdict(tmp_path) is Verdict.PASS


def test_killed_in_mid_run(log: bytes, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(log[: len(log) // 2])
    driven = run(tmp_path, "pipe", shell(f"cat {tmp_path}/part; kill -9 $$"))
    assert driven.why == "the console's end"
    assert verdict(tmp_path) is Verdict.UNDECIDED


def test_hung_in_mid_run_with_children(log: bytes, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(log[: len(log) // 2])
    more = shell(f"cat {tmp_path}/part; (sleep 1000; cat {tmp_path}/part) & wait") + (
        f"\npower-off: [touch, {tmp_path}/off]"
    )
    driven = run(tmp_path, "pipe", more, silence_s=1.0)
    assert driven.why == "nothing for 1 s"
    assert (tmp_path / "off").exists()
    assert verdict(tmp_path) is Verdict.UNDECIDED


@pytest.mark.parametrize(("end", "why"), [("reset", "the console's end"), ("hang", "nothing for 3 s")])
@pytest.mark.parametrize("kind", ["tcp", "telnet"])
def test_a_server_that_goes_away_or_hangs(
    log: bytes, listener: socket.socket, tmp_path: Path, kind: str, end: str, why: str
) -> None:
    server = Server(listener, [log[: len(log) // 2]], end=end)
    server.start()
    assert run(tmp_path, f"{kind}:127.0.0.1:{port(listener)}", "", silence_s=3.0).why == why
    server.join(DEADLINE_S)
    assert not server.is_alive()
    assert (tmp_path / "log").read_bytes() == log[: len(log) // 2]
    assert verdict(tmp_path) is Verdict.UNDECIDED


@pytest.mark.parametrize("line", ["pipe", "pty"])
def test_hung_and_deaf_to_signals(log: bytes, tmp_path: Path, line: str) -> None:
    (tmp_path / "part").write_bytes(log[: len(log) // 2])
    script = f'trap "" TERM HUP INT; cat {tmp_path}/part; while :; do sleep 1000; done'
    assert run(tmp_path, line, f"command: [sh, -c, {script!r}]", silence_s=3.0).why == "nothing for 3 s"
    assert verdict(tmp_path) is Verdict.UNDECIDED


NOISE = bytes(range(128, 256)) + b"\x00\x07\x1b[31m\xff\xfe"


def noisy(log: bytes, where: str) -> bytes:
    """A log with noise: lines of its own between each two of its lines, or within one line."""
    lines = log.split(b"\n")
    if where == "between lines":
        return b"\n".join(part for line in lines for part in (NOISE, line))
    middle = next(n for n, line in enumerate(lines) if b"# nvh case" in line and n > len(lines) // 2)
    lines[middle] = lines[middle][:40] + NOISE + lines[middle][40:]
    return b"\n".join(lines)


@pytest.mark.parametrize(
    ("where", "wanted"), [("between lines", Verdict.PASS), ("in a line", Verdict.UNDECIDED)]
)
@pytest.mark.parametrize("line", ["pipe", "pty", "tcp"])
def test_noise(
    log: bytes, listener: socket.socket, tmp_path: Path, line: str, where: str, wanted: Verdict
) -> None:
    """Nothing of it is lost: the console is kept byte for byte, but for a terminal's line ends."""
    sent = noisy(log, where)
    if line == "tcp":
        Server(listener, [sent]).start()
        run(tmp_path, f"tcp:127.0.0.1:{port(listener)}", "")
    else:
        (tmp_path / "noisy").write_bytes(sent)
        run(tmp_path, line, shell(f"cat {tmp_path}/noisy"))
    assert (tmp_path / "log").read_bytes().replace(b"\r\n", b"\n") == sent
    assert verdict(tmp_path) is wanted


def test_it_talks_for_ever(tmp_path: Path) -> None:
    more = f"command: [{sys.executable}, -c, 'while True: print(1, flush=True)', {tmp_path}]"
    assert run(tmp_path, "pty", more, most_s=1.0).why == "no end after 1 s"
    with pytest.raises(UserError, match="no line of a bundle's log"):
        read((tmp_path / "log").read_bytes(), "log")


def test_rebooted_in_mid_run(log: bytes, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(log[: len(log) // 2] + b"\n")
    script = f'cat {tmp_path}/part; {tree}/nvh-bundle "--cases=s1-own/*"'
    assert run(tmp_path, "pipe", f"command: [sh, -c, {script!r}]").why == "the machine began again"
    assert verdict(tmp_path) is Verdict.UNDECIDED


def test_nobody_listens(tmp_path: Path, listener: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.bundle.drive.CONNECT_S", 0.5)
    number = port(listener)
    listener.close()
    with pytest.raises(InfraError, match="cannot be reached"):
        run(tmp_path, f"tcp:127.0.0.1:{number}", shell("sleep 1000"))
    assert not alive(tmp_path)


@pytest.mark.parametrize(
    ("line", "more", "said"),
    [
        ("serial", "", "expected pipe, pty"),
        ("pipe", "", "is the line of a command"),
        ("pipe", "comand: [x]", "did you mean 'command'"),
        ("pipe", "command: ['{qemu}']", "is the launcher of a model"),
        ("pipe", 'command: [x]\ndialogue: [{ready: "(", send: x}]', "no regular expression"),
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, line: str, more: str, said: str) -> None:
    (tmp_path / "board.yaml").write_text(MODEL.format(line=line, more=more))
    with pytest.raises((UserError, InputError), match=said.replace("(", r"\(").replace("{", r"\{")):
        load_console(str(tmp_path / "board.yaml"))


def test_the_shipped_files_load() -> None:
    assert load_console("qemu-console").qemu == "qemu"


class SshServer(paramiko.ServerInterface):
    """An sshd for one command: it lets `tester` in and runs what is asked for."""

    def __init__(self) -> None:
        self.command = b""
        self.asked = threading.Event()

    def get_allowed_auths(self, username: str) -> str:
        return "none" if username else ""

    def check_auth_none(self, username: str) -> int:
        return paramiko.common.AUTH_SUCCESSFUL if username == "tester" else paramiko.common.AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        known = kind == "session" and chanid >= 0
        return paramiko.common.OPEN_SUCCEEDED if known else paramiko.common.OPEN_FAILED_UNKNOWN_CHANNEL_TYPE

    def check_channel_pty_request(self, *_: object) -> bool:
        return True

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        self.command = command
        self.asked.set()
        return not channel.closed


def serve_ssh(listener: socket.socket, key: paramiko.PKey, most: int | None = None) -> None:
    """Serve one command; with ``most`` the connection breaks after so many bytes of its output."""
    listener.settimeout(DEADLINE_S)
    connection, _ = listener.accept()
    transport = paramiko.Transport(connection)
    transport.add_server_key(key)
    server = SshServer()
    transport.start_server(server=server)
    channel = transport.accept(DEADLINE_S)
    if channel is None or not server.asked.wait(DEADLINE_S):
        return
    done = subprocess.run(server.command, shell=True, capture_output=True, check=False, timeout=DEADLINE_S)
    channel.sendall(done.stdout.replace(b"\n", b"\r\n")[:most])
    if most is not None:
        time.sleep(0.5)  # what was sent is there by then
        connection.close()
        transport.close()
        return
    channel.send_exit_status(done.returncode)
    channel.close()
    time.sleep(0.2)
    transport.close()


@pytest.mark.parametrize("most", [None, 2000])
@pytest.mark.skipif(not shutil.which("ssh"), reason=f"{ELSEWHERE}there is no ssh")
def test_ssh(tree: Path, listener: socket.socket, tmp_path: Path, most: int | None) -> None:
    """A Linux host: ``run.sh`` there, its terminal is the console. Here what run.sh starts; also cut off."""
    key = paramiko.RSAKey.generate(2048)
    thread = threading.Thread(target=serve_ssh, args=(listener, key, most), daemon=True)
    thread.start()
    options = ["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    words = ["ssh", "-tt", *options, "-p", str(port(listener)), "tester@127.0.0.1"]
    command = ", ".join(f"'{word}'" for word in [*words, f"{tree}/nvh-bundle {{options}}"])
    driven = run(tmp_path, "pty", f"command: [{command}]")
    thread.join(DEADLINE_S)
    assert driven.why == ("the log's end" if most is None else "the console's end")
    assert verdict(tmp_path) is (Verdict.PASS if most is None else Verdict.UNDECIDED)
