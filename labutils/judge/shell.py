"""An IPython shell without a kernel: it runs cells and keeps what a notebook would show, up to a limit.

Both sides of the judge use it, the student's in the sandbox and the trusted one.
"""

import io
import re
import subprocess
import sys
from functools import partial
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

from labutils.judge.job import Output, error_output

# What a cell may show; more would make a page that formgrader opens slowly, and no honest cell comes near it.
TEXT = 100_000  # characters on its streams
ITEMS = 500  # outputs
DATA = 20 * 2**20  # characters of displayed data, such as pictures
INSTALLERS = re.compile(
    r"\b(pip3?|conda|mamba|micromamba|uv|apt|apt-get|npm|jupyter labextension)\b.*\b(install|add)\b"
)
STOPPED = "\n... the rest of this output was left out\n"


class Outputs:
    """The outputs of the running cell, as nbformat has them."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Drop all outputs."""
        self.items: list[Output] = []
        self.text = self.data = 0  # characters so far

    def stream(self, name: str, text: str) -> None:
        """Append text, to the last output if that is of the same stream."""
        room = TEXT - self.text
        if room < 0 or not text:
            return
        self.text += len(text)
        text = text if len(text) <= room else text[:room] + STOPPED
        if not (self.items and self.items[-1].get("name") == name):
            self.items.append({"output_type": "stream", "name": name, "text": ""})
        self.items[-1]["text"] += text

    def add(self, kind: str, data: dict, metadata: dict | None = None, **more: Any) -> None:
        """Append something displayed, unless it is too much."""
        data = {str(mime): value for mime, value in data.items() if isinstance(value, str | dict | list)}
        self.data += sum(len(value) for value in data.values())
        if self.data > DATA or len(self.items) >= ITEMS:
            self.stream("stderr", STOPPED if self.data <= DATA else "... a picture was too large\n")
            return
        self.items.append({"output_type": kind, "data": data, "metadata": metadata or {}, **more})

    def error(self, name: str, value: str, traceback: list[str]) -> None:
        """Append an error."""
        self.items.append(error_output(name, value, traceback))


class _Stream(io.TextIOBase):
    encoding = "utf-8"

    def __init__(self, outputs, name):
        self.outputs, self.name = outputs, name

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.outputs.stream(self.name, text)
        return len(text)


class _Publisher(DisplayPublisher):
    def publish(
        self,
        data: dict,
        metadata: dict | None = None,
        source: str = "",
        *,
        transient: Any = None,
        update: bool = False,
        **_: Any,
    ) -> None:
        outputs, shown = self.shell.outputs, (transient or {}).get("display_id")
        for item in outputs.items if update else ():
            if item.get("transient") == shown:
                item["data"], item["metadata"] = data, metadata or {}
        if not update:
            outputs.add("display_data", data, metadata, **({"transient": shown} if shown else {}))

    def clear_output(self, wait: bool = False) -> None:
        self.shell.outputs.clear()


class _Hook(DisplayHook):
    def start_displayhook(self) -> None:
        pass

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: dict, md_dict: dict | None = None) -> None:
        shell: Any = self.shell
        shell.outputs.add("execute_result", format_dict, md_dict, execution_count=shell.execution_count)

    def finish_displayhook(self) -> None:
        pass


class Shell(InteractiveShell):
    """Runs cells; `run(source, count)` returns the outputs."""

    display_pub_class = Type(_Publisher)
    displayhook_class = Type(_Hook)

    def __init__(self, **options: Any) -> None:
        self.outputs = Outputs()
        super().__init__(**options)

    def init_io(self) -> None:
        pass

    def enable_gui(self, gui: Any = None) -> None:
        pass

    def init_magics(self) -> None:
        super().init_magics()
        for name in ("pip", "conda", "mamba", "micromamba", "uv"):
            self.magics_manager.register_function(partial(self._install, name), magic_name=name)

    def _install(self, name: str, line: str) -> None:
        self.system(f"{name} {line}")

    def system(self, cmd: str) -> None:
        """Run a line that begins with "!", but no installer; without a terminal, for the sandbox has none."""
        if INSTALLERS.search(cmd):
            print(f"not run when graded, where there is no network: {cmd}", file=sys.stderr)
            return
        done = subprocess.run(
            self.var_expand(cmd, depth=1),
            shell=True,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        sys.stdout.write(done.stdout)
        sys.stderr.write(done.stderr)
        self.user_ns["_exit_code"] = done.returncode

    def _showtraceback(self, etype, evalue, stb):
        try:
            value = str(evalue)
        except Exception:
            value = "unprintable"
        self.outputs.error(etype.__name__, value, stb)

    def run(self, source: str, count: int) -> list[Output]:
        """Execute a cell as number `count`; returns its outputs."""
        self.outputs.clear()
        self.execution_count = count
        streams = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = _Stream(self.outputs, "stdout"), _Stream(self.outputs, "stderr")
        try:
            self.run_cell(source, store_history=False)
        finally:
            sys.stdout, sys.stderr = streams
        return [{k: v for k, v in item.items() if k != "transient"} for item in self.outputs.items]


def new_shell() -> Shell:
    """The shell of this process, with pictures inline as in a notebook."""
    config = Config()
    config.HistoryManager.enabled = False
    shell = Shell.instance(config=config)
    shell.cache_size = 0
    if "matplotlib" in sys.modules:
        shell.enable_matplotlib("inline")
        sys.modules["matplotlib.pyplot"].uninstall_repl_displayhook()  # it would draw every picture twice
    return shell
