# SPDX-License-Identifier: GPL-2.0-only
"""SSH to any level without a network between the levels: paramiko over the agent's channel to a dropbear.

dropbear listens on the level's own loopback as long as the session lasts, and ``nc`` joins it to the channel
(``dropbear -i`` would need a socket as its standard input). The client's key is made per session. Used
where a real terminal is wanted; commands and files go through the agent itself.
"""

from __future__ import annotations

import base64
import contextlib
import io
import itertools
import os
import select
import shutil
import signal
import socket
import sys
import termios
import threading
import tty

import paramiko
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519

from harness.errors import InfraError
from harness.level import Level
from harness.stack.stack import Stack

DIRECTORY = "/run/nvh/ssh"
DEADLINE_S = 120.0
PREPARE = f"""
umask 077
mkdir -p {DIRECTORY} /dev/pts
mountpoint -q /dev/pts || mount -t devpts devpts /dev/pts
cat >{DIRECTORY}/authorized_keys
[ -e {DIRECTORY}/host ] || dropbearkey -t ed25519 -f {DIRECTORY}/host >/dev/null 2>&1
dropbearkey -y -f {DIRECTORY}/host | grep '^ssh-'
"""
SERVER = f"""
dropbear -F -E -s -j -k -r {DIRECTORY}/host -D {DIRECTORY} -p 127.0.0.1:$PORT 2>{DIRECTORY}/log &
for try in 1 2 3 4 5 6 7 8 9 10; do
  busybox nc 127.0.0.1 $PORT 2>/dev/null && break
  sleep 0.3
done
kill $!
"""
PORTS = itertools.count(2200)


class Session:
    """One SSH connection to ``level`` of a booted stack; a context manager."""

    def __init__(self, stack: Stack, level: Level) -> None:
        private, public = make_key()
        prepared = stack.run(level, PREPARE, DEADLINE_S, public.encode())
        words = prepared.text.split()
        if prepared.status != 0 or len(words) < 2:
            raise InfraError(f"no SSH at {level}: {prepared.stderr.decode(errors='replace').strip()}")
        # SSH has threads and clocks of its own: the machine must not wait for the harness's turns.
        self._freely: contextlib.AbstractContextManager[None] | None = stack.agent.running_freely()
        self._freely.__enter__()
        ours, theirs = socket.socketpair()
        self._theirs = theirs
        self._server = stack.agent.start(level, f"PORT={next(PORTS)}{SERVER}", sink=theirs.sendall)
        self._pump = threading.Thread(target=self._feed, name="ssh-feed", daemon=True)
        self._pump.start()
        self._transport = paramiko.Transport(ours)
        self._transport.banner_timeout = self._transport.auth_timeout = DEADLINE_S * stack.slowdown
        expected = paramiko.PKey.from_type_string(words[0], base64.b64decode(words[1]))
        try:
            self._transport.start_client(timeout=DEADLINE_S * stack.slowdown)
            if self._transport.get_remote_server_key() != expected:
                raise paramiko.SSHException("the server shows another key than the one made here")
            self._transport.auth_publickey("root", private)
        except (paramiko.SSHException, OSError, EOFError) as error:
            self.close()
            raise InfraError(f"SSH to {level} failed: {error}") from error

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self, command: str, timeout_s: float) -> tuple[int, bytes]:
        """Run a command and return its exit status and its output."""
        channel = self._transport.open_session(timeout=timeout_s)
        channel.settimeout(timeout_s)
        channel.exec_command(command)
        output = b""
        while data := channel.recv(65536):
            output += data
        return channel.recv_exit_status(), output

    def interact(self) -> int:
        """Connect this terminal to a login shell until it ends; returns its exit status."""
        channel = self._transport.open_session(timeout=DEADLINE_S)
        size = shutil.get_terminal_size()
        channel.get_pty("xterm", size.columns, size.lines)
        channel.invoke_shell()

        def resize(*_: object) -> None:
            now = shutil.get_terminal_size()
            channel.resize_pty(now.columns, now.lines)

        before = signal.signal(signal.SIGWINCH, resize)
        saved = termios.tcgetattr(sys.stdin)
        try:
            tty.setraw(sys.stdin)
            _relay(channel)
        finally:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, saved)
            signal.signal(signal.SIGWINCH, before)
        return channel.recv_exit_status()

    def close(self) -> None:
        """End the session and the server at the level."""
        with contextlib.suppress(Exception):
            self._transport.close()
        with contextlib.suppress(InfraError):
            self._server.kill()
        self._theirs.close()
        if self._freely:
            self._freely.__exit__(None, None, None)
            self._freely = None

    def _feed(self) -> None:
        with contextlib.suppress(OSError, InfraError):
            while data := self._theirs.recv(16384):
                self._server.send(data)


def make_key() -> tuple[paramiko.PKey, str]:
    """Return a new Ed25519 key and its public half as an authorized_keys line."""
    key = ed25519.Ed25519PrivateKey.generate()
    text = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode()
    private = paramiko.Ed25519Key.from_private_key(io.StringIO(text))
    return private, f"{private.get_name()} {private.get_base64()} nvh\n"


def _relay(channel: paramiko.Channel) -> None:
    while not channel.exit_status_ready() or channel.recv_ready():
        ready, _, _ = select.select([channel, sys.stdin], [], [], 0.5)
        if channel in ready:
            data = channel.recv(16384)
            if not data:
                return
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        if sys.stdin in ready:
            typed = os.read(sys.stdin.fileno(), 1024)
            if not typed:
                return
            channel.sendall(typed)
