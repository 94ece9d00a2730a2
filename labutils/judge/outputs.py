"""Outputs of cells on their way into a notebook: in the form that nbformat has, not too many, and safe to look at."""

import ast
import json

from labutils.judge.job import Output, error_output


def sanitized_outputs(outputs: object) -> list[Output]:
    """What the student's side says that its cells show, brought into the form of a notebook."""
    kept: list[Output] = []
    for item in outputs if isinstance(outputs, list) else []:
        kind = item.get("output_type") if isinstance(item, dict) else None
        if kind == "stream":
            name = "stderr" if item.get("name") == "stderr" else "stdout"
            kept.append({"output_type": kind, "name": name, "text": str(item.get("text", ""))})
        elif kind == "error":
            trace = item.get("traceback")
            trace = trace if isinstance(trace, list) else None
            kept.append(error_output(item.get("ename", ""), item.get("evalue", ""), trace))
        elif kind in ("display_data", "execute_result") and isinstance(item.get("data"), dict):
            data = {
                mime: text
                for mime, text in item["data"].items()
                if str(mime) in SAFE_MIME_TYPES and isinstance(text, str)
            }
            count = {"execution_count": None} if kind == "execute_result" else {}
            kept.append({"output_type": kind, "data": data, "metadata": {}, **count})
    return kept


def truncated_outputs(outputs: list[Output], room: int) -> tuple[list[Output], int]:
    """The first of the outputs that fit into so many characters, and how many these have.

    The shell of an honest worker has cut them already.
    """
    kept: list[Output] = []
    used = 0
    for item in outputs:
        size = len(json.dumps(item))
        if used + size > room:
            text = "... the rest of the outputs was left out\n"
            return [*kept, {"output_type": "stream", "name": "stderr", "text": text}], used
        kept.append(item)
        used += size
    return kept, used


SAFE_MIME_TYPES = (
    "text/plain",
    "image/png",
    "image/jpeg",
)  # what cannot carry a script into the page of whoever grades


def normalize_outputs(outputs: list[Output], points: float) -> list[Output]:
    """The outputs of a test as nbgrader reads them: text on stderr costs no points, and partial credit is a number.

    nbgrader gives full points for a last value that is no number, and stops for one above the maximum.
    """
    for item in outputs:
        if item["output_type"] == "stream":
            item["name"] = "stdout"
        if item["output_type"] == "execute_result" and not _is_credit(item["data"].get("text/plain"), points):
            text = f"the last line of a test must be a number from 0 to {points:g}, or no value"
            return [*(one for one in outputs if one is not item), error_output("ValueError", text)]
    return outputs


def _is_credit(text: str, points: float) -> bool:
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False
    return type(value) in (int, float) and 0 <= value <= points
