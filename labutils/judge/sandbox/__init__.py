"""How a process is confined: `bubblewrap` for all submissions together, `confine` for each by itself."""


class SandboxError(Exception):
    """No sandbox can be made on this machine; the message is one line and says what to do."""
