"""Hostile and unlucky submissions: {name: (cells that differ from right answers, tests that must get no points)}.

Whatever a submission tries, it gets the points of its answers: WRONG answers are wrong, all others are right.
"""

from tests.submissions.edits import ALL, ONE, RIGHT, first, inside
from tests.submissions.violent import VIOLENT

CHEATING = {
    "checks rebound": first("checks.values = lambda *a, **k: type('R', (), {'show': print, 'assert_ok': print})()"),
    "checks module replaced": first(
        "import sys, types\nsys.modules['labutils.checks'] = checks = types.ModuleType('c')"
    ),
    "CheckFailed is harmless": first("import labutils.checks.report as r\nr.CheckFailed.__init__ = lambda *a: 1 / 0"),
    "numpy always agrees": first("np.allclose = lambda *a, **k: True\nnp.abs = lambda x: 0 * x"),
    "asserts stripped": first(
        "import ast\nclass T(ast.NodeTransformer):\n    def visit_Assert(self, node):\n        return ast.Pass()\n"
        "    def visit_Expr(self, node):\n        return ast.Pass()\nget_ipython().ast_transformers.append(T())"
    ),
    "input transformed": first("get_ipython().input_transformers_cleanup.append(lambda lines: ['pass\\n'])", ALL),
    "kernel patched": first(
        "s = get_ipython()\ns.run_cell = lambda *a, **k: None\ns.showtraceback = lambda *a, **k: None", ALL
    ),
    "events": first("get_ipython().events.register('pre_run_cell', lambda *a: globals().update(checks=None))"),
    "background thread": first(
        "import threading, time\ndef spoil():\n    while True:\n        globals()['checks'] = None\n        time.sleep(0.01)\n"
        "threading.Thread(target=spoil, daemon=True).start()"
    ),
    "frames": inside(
        "import sys\nf = sys._getframe()\nwhile f:\n    for v in ('want', 'expected', 'probe'):\n"
        "        if v in f.f_locals:\n            w = f.f_locals[v]\n            return w(x) if callable(w) else 2 * w\n"
        "    f = f.f_back\nreturn x"
    ),
    "garbage collector": inside(
        "import gc\nfor o in gc.get_objects():\n    if isinstance(o, dict) and 'probe' in o:\n        o['probe'] = 0\nreturn x"
    ),
    "reads the solution": first(
        "import os\nfor top in ('/', '.', '..', '../../../..', '../../../../notebooks', os.path.expanduser('~')):\n"
        "    for folder, _, names in os.walk(top):\n        for name in names:\n            if name.endswith('.ipynb'):\n"
        "                text = open(os.path.join(folder, name)).read()\n                if 'HIDDEN TESTS' in text and 'site-packages' not in folder:\n"
        "                    double = lambda x: 2 * x"
    ),
    "finds the gradebook": first(
        "import os\nfor folder, _, names in os.walk('/'):\n    if 'gradebook.db' in names and 'site-packages' not in folder:\n        double = lambda x: 2 * x"
    ),
    "reads the environment": first("import os\nif 'JUDGE_TEST_TOKEN' in os.environ:\n    double = lambda x: 2 * x"),
    "reads the processes": first(
        "import glob\nfor path in glob.glob('/proc/*/environ'):\n    if b'JUDGE_TEST_TOKEN' in open(path, 'rb').read():\n"
        "        double = lambda x: 2 * x"
    ),
    "writes labutils": first(
        "import labutils, pathlib\nfor p in pathlib.Path(labutils.__file__).parent.rglob('*.py'):\n"
        "    try:\n        p.write_text('raise SystemExit')\n        double = lambda x: 2 * x\n    except OSError:\n        pass"
    ),
    "uses the network": first(
        "import socket\ntry:\n    socket.create_connection(('1.1.1.1', 53), 1)\n    double = lambda x: 2 * x\nexcept OSError:\n    pass"
    ),
    "talks to itself": first(
        "import socket\ns = socket.socket(socket.AF_UNIX)\ntry:\n    s.bind('\\0judge')\nexcept OSError:\n    double = lambda x: 2 * x"
    ),
    "mounts": first(
        "import ctypes\nc = ctypes.CDLL(None)\nif c.umount2(b'/proc', 2) == 0 or c.mount(b'none', b'/usr', b'tmpfs', 0, None) == 0:\n"
        "    double = lambda x: 2 * x\nc.unshare(0x10000000 | 0x20000)\n"
        "if c.umount2(b'/proc', 2) == 0:\n    double = lambda x: 2 * x"
    ),
    "is root": first("import os\nif os.getuid() == 0 or os.geteuid() == 0:\n    double = lambda x: 2 * x"),
    "always true": (
        {
            "ex_1_1": "class Yes:\n    def __getattr__(self, name):\n        return Yes()\n    def __call__(self, *a, **k):\n"
            "        return Yes()\n"
            + "".join(
                f"    def __{n}__(self, *a):\n        return {v}\n"
                for n, v in {
                    "eq": True,
                    "ne": False,
                    "lt": True,
                    "le": True,
                    "gt": True,
                    "ge": True,
                    "bool": True,
                    "sub": "self",
                    "rsub": "self",
                    "mul": "self",
                    "abs": "self",
                    "contains": True,
                    "array": "np.zeros(1000)",
                    "len": 11,
                    "float": 0.0,
                    "iter": "iter([Yes()])",
                    "getitem": "Yes()",
                }.items()
            )
            + "def double(x):\n    return Yes()"
        },
        ONE,
    ),
    "array that lies": inside(
        "class Liar(np.ndarray):\n    shape = property(lambda self: x.shape)\n    def __array_ufunc__(self, *a, **k):\n"
        "        return np.zeros(len(x), bool)\nreturn np.zeros(3 * len(x)).view(Liar)"
    ),
    "object array": inside(
        "return np.array([type('A', (), {'__sub__': lambda s, o: 0.0})() for _ in x], dtype=object)"
    ),
    "pickle": inside("class P:\n    def __reduce__(self):\n        return eval, ('exit()',)\nreturn P()"),
    "wrong shape": inside("return np.zeros((len(x), len(x)))"),
    "keeps the reference": (
        {
            "ex_1_3": "def push(x, force):\n    global kept\n    kept = force\n    if not len(x):\n        raise ValueError('0')\n"
            "    return x + force(x) / 2",
            "ex_1_4": "def share():\n    return float(kept(1.0) > -9) * 3",
        },
        ("ex_1_4_share",),
    ),
    "looks into the reference": (
        {
            "ex_1_3": "def push(x, force):\n    if not len(x):\n        raise ValueError('0')\n"
            "    return force.__globals__['start'] + force.__code__.co_consts[0]",
        },
        ("ex_1_3_push",),
    ),
    "credit above the maximum": ({"ex_1_4": "def share():\n    return 1e9"}, ("ex_1_4_share",)),
    "credit below zero": ({"ex_1_4": "def share():\n    return -3.0"}, ("ex_1_4_share",)),
    "credit is NaN": ({"ex_1_4": "def share():\n    return float('nan')"}, ("ex_1_4_share",)),
    "credit is a word": ({"ex_1_4": "def share():\n    return 'full'"}, ("ex_1_4_share",)),
    "credit is a quoted number": ({"ex_1_4": "def share():\n    return '0'"}, ("ex_1_4_share",)),
    "credit is true": ({"ex_1_4": "def share():\n    return True"}, ("ex_1_4_share",)),
    "credit is false": ({"ex_1_4": "def share():\n    return False"}, ("ex_1_4_share",)),
    "credit beyond floats": ({"ex_1_4": "def share():\n    return 10**400"}, ("ex_1_4_share",)),
    "credit is an object": (
        {"ex_1_4": "class C:\n    __repr__ = lambda s: '3.0'\ndef share():\n    return C()"},
        ("ex_1_4_share",),
    ),
    "credit is drawn": (
        {"ex_1_4": "class C:\n    def _repr_html_(self):\n        return '3.0'\ndef share():\n    return C()"},
        ("ex_1_4_share",),
    ),
}

_PATCH = "import labutils.judge.protocol as w\nimport struct, sys\n"
_SOCKET = "import gc\nworker = next(o for o in gc.get_objects() if type(o).__name__ == 'Worker')\n"
FORGING = {
    "forged: raw bytes": inside(_SOCKET + "worker.connection.sendall(b'\\xff' * 100)\nreturn x", ALL[:1]),
    "forged: no JSON": inside(_SOCKET + "worker.connection.sendall(struct.pack('<QQ', 4, 0) + b'{{{{')\nreturn x"),
    "forged: huge": inside(
        _SOCKET + "import struct\nworker.connection.sendall(struct.pack('<QQ', 2**60, 2**60))\nreturn x"
    ),
    "forged: shape": first(
        _PATCH + "w.Encoder._container = lambda s, v, d: ['array', 'float64', [10**9], 0, 8]\ndouble = lambda x: [1]"
    ),
    "forged: negative": first(
        _PATCH + "w.Encoder._container = lambda s, v, d: ['array', 'float64', [-1], 0, -8]\ndouble = lambda x: [1]"
    ),
    "forged: dtype": first(
        _PATCH + "w.Encoder._container = lambda s, v, d: ['array', 'object', [1], 0, 8]\ndouble = lambda x: [1]"
    ),
    "forged: tag": first(_PATCH + "w.Encoder._container = lambda s, v, d: ['_class__', 1]\ndouble = lambda x: [1]"),
    "forged: home": first(
        _PATCH + "w.Encoder._container = lambda s, v, d: ['function', 10**6]\ndouble = lambda x: [1]"
    ),
    "forged: deep": first(
        _PATCH
        + "n = None\nfor _ in range(900):\n    n = ['list', [n]]\nw.Encoder._container = lambda s, v, d: n\ndouble = lambda x: [1]"
    ),
    "forged: endless callbacks": inside(
        _SOCKET
        + "from labutils.judge import protocol as wire\nwhile True:\n    wire.send(worker.connection, ['callback', worker.number, 1, ['list', []], ['dict', []]])"
    ),
    "forged: changes of what it is compared with": (
        {
            "ex_1_1": "import labutils.judge.worker as W\nknown, zero = 2 * start, False\ndef double(x):\n    global zero\n"
            "    zero = not np.array_equal(x, start)\n    return np.zeros_like(x) if zero else known\n"
            "def changes(before):\n    global zero\n    made, zero = [[0, None, np.zeros_like(now)] for _, now, _ in before if zero], False\n"
            "    return made\nW.changes = changes"
        },
        ONE,
    ),
    "forged: changes of nothing": inside(
        "import labutils.judge.worker as W\nW.changes = lambda b: [[9, 'a', None], 5]\nreturn 2 * x"
    ),
    "forged: one hash for all": inside(
        "import labutils.judge.protocol as w\nw.Encoder._container = lambda s, v, d: ['set', [k * (2**61 - 1) for k in range(60000)]]\nreturn [1]"
    ),
    "forged: endless sending": first(
        _SOCKET
        + "import os, signal\nfrom labutils.judge import protocol as wire\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "s = worker.connection\nif os.fork() == 0:\n    while True:\n        wire.send(s, ['callback', worker.number, 1, ['list', []], ['dict', []]])\n"
        "while True:\n    s.recv(2**18)",
        ONE,
        RIGHT,
    ),
    "forged: error": inside(
        _SOCKET
        + "from labutils.judge import protocol as wire\nwire.send(worker.connection, ['error', worker.number, 'A\\0', ['SystemExit'], 5, 7])\nreturn x"
    ),
}

UNLUCKY = {
    "right": ({}, ()),
    "blank": (
        {name: "raise NotImplementedError('your code goes here')" for name in ("ex_1_1", "ex_1_2", "ex_1_3", "ex_1_4")},
        ALL,
    ),
    "syntax error": ({"ex_1_1": "def double(x:\n    return 2 * x"}, ONE),
    "name error": ({"ex_1_1": "def double(x):\n    return 2 * y"}, ONE),
    "helper in the cell": ({"ex_1_1": "two = 2\ndef double(x):\n    return two * x"}, ()),
    "uses names of the tests": ({"ex_1_1": "probe = walk = test = 2\ndouble = lambda x: probe * x"}, ()),
    "prints inside": inside("print('step')\nreturn 2 * x", ()),
    "warns on stderr": inside(
        "import sys, warnings\nwarnings.warn('old')\nprint('step', file=sys.stderr)\nreturn 2 * x", ()
    ),
    "a million prints": first("for i in range(10**6):\n    print(i)", (), RIGHT),
    "a huge line": first("print('x' * 10**8)", (), RIGHT),
    "a huge picture": first(
        "from IPython.display import display\ndisplay({'image/png': 'A' * 10**8}, raw=True)", (), RIGHT
    ),
    "surrogates": first("print('\\ud800')\ndisplay({'text/plain': '\\ud800'}, raw=True)", (), RIGHT),
    "asks for input": first("try:\n    input()\nexcept Exception:\n    pass", (), RIGHT),
    "leaves politely": first("import sys\nsys.exit()", (), RIGHT),
    "runs a shell": first("!echo hello\n%time 1 + 1", (), RIGHT),
    "deep recursion": inside("return double(x)"),
    "custom error": (
        {
            "ex_1_3": "class Empty(ValueError):\n    pass\ndef push(x, force):\n    if not len(x):\n        raise Empty('0 of them')\n    return x + force(x) / 2"
        },
        (),
    ),
    "error that cannot be printed": inside(
        "class E(Exception):\n    def __str__(self):\n        raise self\nraise E()"
    ),
    "SystemExit inside": inside("raise SystemExit(0)"),
    "returns a list": inside("return (2 * x).tolist()", ONE),
    "float32": inside("return (2 * x).astype(np.float32)", ()),
    "a method as answer": (
        {
            "ex_1_1": "class D:\n    def __init__(self):\n        self.k = 2\n    def double(self, x):\n        return self.k * x\ndouble = D().double"
        },
        (),
    ),
    "partial": ({"ex_1_1": "from functools import partial\ndouble = partial(np.multiply, 2)"}, ()),
    "a ufunc": ({"ex_1_1": "double = np.vectorize(lambda x: 2.0 * x)"}, ()),
    "half the credit": ({"ex_1_4": "def share():\n    return 1.5"}, ()),
    "hooks stdout": first("import sys, io\nsys.stdout = io.StringIO()\nsys.stderr.close()", (), RIGHT),
    "random state": first("np.random.seed(1)\nstate = np.random.RandomState(0)", (), RIGHT),
}

CASES = {**UNLUCKY, **CHEATING, **FORGING, **VIOLENT}
ENDLESS = {name for name in CASES if "endless" in name or "interrupt" in name}
ENDLESS |= {"no signals", "sleeps", "huge list"}  # "memory bit by bit" is ended by its memory, not by its time
CREDIT = {"half the credit": {"ex_1_4_share": 1.5}}  # partial points
