"""The trusted side's end of the two sockets that lead to a student's process: bytes, a deadline, an interrupt.

Control messages are whole packets: "i" asks the supervisor to interrupt the process; it says when that is done, with
the seconds that the process has waited for a core. Anything else that it says is the reason why the process was ended.
"""

import contextlib
import select
import time
from socket import socket

from labutils.judge.sandbox.confine import INTERRUPTED

LAST_WORDS = 0.3  # seconds that the supervisor has to say why a process ended
INTERRUPT = b"i"


class OutOfTime(BaseException):
    """A cell took too long. No `except Exception` of a check stops it."""

    def _render_traceback_(self) -> list[str]:
        return [f"\x1b[31mOutOfTime\x1b[39m: {self}"]


class Stopped(BaseException):
    """The student's process has ended. No `except Exception` of a check takes it for an error of the answer's."""

    def _render_traceback_(self) -> list[str]:
        return [f"\x1b[31mStopped\x1b[39m: {self}"]


class Transport:
    """Reads and writes bytes until a deadline; then the process is interrupted, and has `grace` seconds to say so.

    data, control: the sockets of the process and of its supervisor.
    """

    def __init__(self, data: socket, control: socket, grace: float) -> None:
        self.data, self.control, self.grace = data, control, grace
        self.dead = ""  # why the process ended
        self.starved = 0.0  # seconds that it has waited for a core, as far as its supervisor has told
        self.interrupted = self.acknowledged = False
        self.deadline = time.monotonic()
        self.data.setblocking(False)

    def set_deadline(self, seconds: float) -> None:
        """Set the time for what follows."""
        self.deadline, self.interrupted = time.monotonic() + seconds, False

    def hurry(self) -> None:
        """The time is over now."""
        self.deadline = min(self.deadline, time.monotonic())

    def close(self, reason: str = "it was stopped") -> None:
        """End the student's process."""
        self.dead = self.dead or reason
        for one in (self.control, self.data):
            one.close()

    def read(self, size: int) -> bytes:
        """So many bytes; raises OutOfTime or Stopped."""
        parts, left = [], size
        while left:
            self._wait(self.data, write=False)
            try:
                part = self.data.recv(min(left, 2**20))
            except BlockingIOError:
                continue
            except OSError:
                part = b""
            if not part:
                self._died()
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    def write(self, data: bytes) -> None:
        """Send all bytes; raises OutOfTime or Stopped."""
        view = memoryview(data)
        while view:
            self._wait(self.data, write=True)
            try:
                view = view[self.data.send(view) :]
            except BlockingIOError:
                continue
            except OSError:
                self._died()

    def interrupt(self) -> None:
        """Have the supervisor interrupt the process, once."""
        if not self.interrupted:
            self.interrupted, self.acknowledged = True, False
            with contextlib.suppress(OSError):
                self.control.send(INTERRUPT)

    def settle(self) -> None:
        """Wait until the supervisor has sent the interrupt on its way; raises OutOfTime or Stopped."""
        while not self.acknowledged:
            self._wait(self.control, write=False)
            if reason := self._news():
                self.close(reason)
                raise Stopped(reason)

    def _wait(self, connection: socket, write: bool) -> None:
        """Until the socket is ready; at the deadline interrupt, and when that does not help, give up."""
        while True:
            left = self.deadline - time.monotonic() + (self.grace if self.interrupted else 0)
            if left > 0:  # asked first: who never stops sending has no more time than others
                if any(select.select([] if write else [connection], [connection] if write else [], [], left)):
                    return
                continue
            if self.interrupted:
                raise OutOfTime("the time is over, and an interrupt did not help")
            self.interrupt()

    def _news(self) -> str:
        """Read a packet of the supervisor's: why it ended the process, or "" for an answer to an interrupt."""
        packet = self.control.recv(1000).decode("utf-8", "replace")
        if not packet.startswith(INTERRUPTED):
            return packet or "it ended by itself, as after os._exit or a crash"
        self.acknowledged, self.starved = True, float(packet.removeprefix(INTERRUPTED))
        return ""

    def _died(self) -> None:
        reason = ""
        with contextlib.suppress(OSError):
            while not reason and select.select([self.control], [], [], LAST_WORDS)[0]:
                reason = self._news()
        self.close(reason or "it ended by itself, as after os._exit or a crash")
        raise Stopped(self.dead)
