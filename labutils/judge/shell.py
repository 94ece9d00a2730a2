"""An IPython shell without a kernel: it runs cells and keeps what a notebook would show, up to a limit.

Both sides of the judge use it, the student's in the sandbox and the trusted one.
"""

import io
import sys

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

TEXT, ITEMS, DATA = 100_000, 500, 20 * 2**20  # characters of text, outputs, and bytes of pictures that a cell may show
STOPPED = "\n... the rest of this output was left out\n"


class Outputs:
    """The outputs of the running cell, as nbformat has them."""

    def __init__(self):
        self.clear()

    def clear(self):
        self.items, self.text, self.data = [], 0, 0

    def stream(self, name, text):
        """Append text, to the last output if that is of the same stream."""
        room = TEXT - self.text
        if room < 0 or not text:
            return
        self.text += len(text)
        text = text if len(text) <= room else text[:room] + STOPPED
        if not (self.items and self.items[-1].get("name") == name):
            self.items.append({"output_type": "stream", "name": name, "text": ""})
        self.items[-1]["text"] += text

    def add(self, kind, data, metadata=None, **more):
        """Append something displayed, unless it is too much."""
        data = {str(mime): value for mime, value in data.items() if isinstance(value, str | dict | list)}
        self.data += sum(len(value) for value in data.values())
        if self.data > DATA or len(self.items) >= ITEMS:
            return self.stream("stderr", STOPPED if self.data <= DATA else "... a picture was too large\n")
        self.items.append({"output_type": kind, "data": data, "metadata": metadata or {}, **more})
        return None

    def error(self, name, value, traceback):
        self.items.append(error_output(name, value, traceback))


def error_output(name, value, traceback=None):
    """An error as nbformat has it."""
    lines = [str(line)[:20_000] for line in (traceback or [f"{name}: {value}"])[:200]]
    return {"output_type": "error", "ename": str(name)[:200], "evalue": str(value)[:10_000], "traceback": lines}


class _Stream(io.TextIOBase):
    encoding = "utf-8"

    def __init__(self, outputs, name):
        self.outputs, self.name = outputs, name

    def writable(self):
        return True

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self.outputs.stream(self.name, text)
        return len(text)


class _Publisher(DisplayPublisher):
    def publish(self, data, metadata=None, *, transient=None, update=False, **_):
        outputs, shown = self.shell.outputs, (transient or {}).get("display_id")
        for item in outputs.items if update else ():
            if item.get("transient") == shown:
                item["data"], item["metadata"] = data, metadata or {}
        if not update:
            outputs.add("display_data", data, metadata, **({"transient": shown} if shown else {}))

    def clear_output(self, wait=False):
        self.shell.outputs.clear()


class _Hook(DisplayHook):
    def start_displayhook(self):
        pass

    def write_output_prompt(self):
        pass

    def write_format_data(self, format_dict, md_dict=None):
        count = self.shell.execution_count
        self.shell.outputs.add("execute_result", format_dict, md_dict, execution_count=count)

    def finish_displayhook(self):
        pass


class Shell(InteractiveShell):
    """Runs cells; `run(source, count)` returns the outputs."""

    display_pub_class = Type(_Publisher)
    displayhook_class = Type(_Hook)

    def __init__(self, **options):
        self.outputs = Outputs()
        super().__init__(**options)

    def init_io(self):
        pass

    def enable_gui(self, gui=None):
        pass

    def _showtraceback(self, etype, evalue, stb):
        try:
            value = str(evalue)
        except Exception:
            value = "unprintable"
        self.outputs.error(etype.__name__, value, stb)

    def run(self, source, count):
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


def new_shell():
    """The shell of this process, with pictures inline as in a notebook."""
    config = Config()
    config.HistoryManager.enabled = False
    shell = Shell.instance(config=config)
    shell.cache_size = 0
    if "matplotlib" in sys.modules:
        shell.enable_matplotlib("inline")
        sys.modules["matplotlib.pyplot"].uninstall_repl_displayhook()  # it would draw every picture twice
    return shell
