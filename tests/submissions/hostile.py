"""Hostile and unlucky submissions: {name: (cells that differ from right answers, tests that must get no points)}.

Whatever a submission tries, it gets the points of its answers: WRONG answers are wrong, all others are right.
"""

WRONG = "def double(x):\n    return x + 1\n\n\n"
ONE = ("ex_1_1_values",)
ALL = ("ex_1_1_values", "ex_1_2_law", "ex_1_3_push", "ex_1_4_share")
RIGHT = "def double(x):\n    return 2 * x\n\n\n"


def _first(code, lost=ONE, answer=WRONG):
    """Code in the cell of the first exercise, after its answer."""
    return {"ex_1_1": answer + code}, lost


def _inside(code, lost=ONE):
    """Code in the body of the first function."""
    return {"ex_1_1": "def double(x):\n" + "".join(f"    {line}\n" for line in code.splitlines())}, lost


CHEATING = {
    "checks rebound": _first("checks.values = lambda *a, **k: type('R', (), {'show': print, 'assert_ok': print})()"),
    "checks module replaced": _first(
        "import sys, types\nsys.modules['labutils.checks'] = checks = types.ModuleType('c')"
    ),
    "CheckFailed is harmless": _first("import labutils.checks.report as r\nr.CheckFailed.__init__ = lambda *a: 1 / 0"),
    "numpy always agrees": _first("np.allclose = lambda *a, **k: True\nnp.abs = lambda x: 0 * x"),
    "asserts stripped": _first(
        "import ast\nclass T(ast.NodeTransformer):\n    def visit_Assert(self, node):\n        return ast.Pass()\n"
        "    def visit_Expr(self, node):\n        return ast.Pass()\nget_ipython().ast_transformers.append(T())"
    ),
    "input transformed": _first("get_ipython().input_transformers_cleanup.append(lambda lines: ['pass\\n'])", ALL),
    "kernel patched": _first(
        "s = get_ipython()\ns.run_cell = lambda *a, **k: None\ns.showtraceback = lambda *a, **k: None", ALL
    ),
    "events": _first("get_ipython().events.register('pre_run_cell', lambda *a: globals().update(checks=None))"),
    "background thread": _first(
        "import threading, time\ndef spoil():\n    while True:\n        globals()['checks'] = None\n        time.sleep(0.01)\n"
        "threading.Thread(target=spoil, daemon=True).start()"
    ),
    "frames": _inside(
        "import sys\nf = sys._getframe()\nwhile f:\n    for v in ('want', 'expected', 'probe'):\n"
        "        if v in f.f_locals:\n            w = f.f_locals[v]\n            return w(x) if callable(w) else 2 * w\n"
        "    f = f.f_back\nreturn x"
    ),
    "garbage collector": _inside(
        "import gc\nfor o in gc.get_objects():\n    if isinstance(o, dict) and 'probe' in o:\n        o['probe'] = 0\nreturn x"
    ),
    "reads the solution": _first(
        "import os\nfor top in ('/', '.', '..', '../../../..', '../../../../notebooks', os.path.expanduser('~')):\n"
        "    for folder, _, names in os.walk(top):\n        for name in names:\n            if name.endswith('.ipynb'):\n"
        "                text = open(os.path.join(folder, name)).read()\n                if 'HIDDEN TESTS' in text and 'site-packages' not in folder:\n"
        "                    double = lambda x: 2 * x"
    ),
    "finds the gradebook": _first(
        "import os\nfor folder, _, names in os.walk('/'):\n    if 'gradebook.db' in names and 'site-packages' not in folder:\n        double = lambda x: 2 * x"
    ),
    "reads the environment": _first("import os\nif 'JUDGE_TEST_TOKEN' in os.environ:\n    double = lambda x: 2 * x"),
    "reads the processes": _first(
        "import glob\nfor path in glob.glob('/proc/*/environ'):\n    if b'JUDGE_TEST_TOKEN' in open(path, 'rb').read():\n"
        "        double = lambda x: 2 * x"
    ),
    "writes labutils": _first(
        "import labutils, pathlib\nfor p in pathlib.Path(labutils.__file__).parent.rglob('*.py'):\n"
        "    try:\n        p.write_text('raise SystemExit')\n        double = lambda x: 2 * x\n    except OSError:\n        pass"
    ),
    "uses the network": _first(
        "import socket\ntry:\n    socket.create_connection(('1.1.1.1', 53), 1)\n    double = lambda x: 2 * x\nexcept OSError:\n    pass"
    ),
    "talks to itself": _first(
        "import socket\ns = socket.socket(socket.AF_UNIX)\ntry:\n    s.bind('\\0judge')\nexcept OSError:\n    double = lambda x: 2 * x"
    ),
    "mounts": _first(
        "import ctypes\nc = ctypes.CDLL(None)\nif c.umount2(b'/proc', 2) == 0 or c.mount(b'none', b'/usr', b'tmpfs', 0, None) == 0:\n"
        "    double = lambda x: 2 * x\nc.unshare(0x10000000 | 0x20000)\n"
        "if c.umount2(b'/proc', 2) == 0:\n    double = lambda x: 2 * x"
    ),
    "is root": _first("import os\nif os.getuid() == 0 or os.geteuid() == 0:\n    double = lambda x: 2 * x"),
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
    "array that lies": _inside(
        "class Liar(np.ndarray):\n    shape = property(lambda self: x.shape)\n    def __array_ufunc__(self, *a, **k):\n"
        "        return np.zeros(len(x), bool)\nreturn np.zeros(3 * len(x)).view(Liar)"
    ),
    "object array": _inside(
        "return np.array([type('A', (), {'__sub__': lambda s, o: 0.0})() for _ in x], dtype=object)"
    ),
    "pickle": _inside("class P:\n    def __reduce__(self):\n        return eval, ('exit()',)\nreturn P()"),
    "wrong shape": _inside("return np.zeros((len(x), len(x)))"),
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
    "forged: raw bytes": _inside(_SOCKET + "worker.connection.sendall(b'\\xff' * 100)\nreturn x", ALL[:1]),
    "forged: no JSON": _inside(_SOCKET + "worker.connection.sendall(struct.pack('<QQ', 4, 0) + b'{{{{')\nreturn x"),
    "forged: huge": _inside(
        _SOCKET + "import struct\nworker.connection.sendall(struct.pack('<QQ', 2**60, 2**60))\nreturn x"
    ),
    "forged: shape": _first(
        _PATCH + "w.Encoder._container = lambda s, v, d: ['array', 'float64', [10**9], 0, 8]\ndouble = lambda x: [1]"
    ),
    "forged: negative": _first(
        _PATCH + "w.Encoder._container = lambda s, v, d: ['array', 'float64', [-1], 0, -8]\ndouble = lambda x: [1]"
    ),
    "forged: dtype": _first(
        _PATCH + "w.Encoder._container = lambda s, v, d: ['array', 'object', [1], 0, 8]\ndouble = lambda x: [1]"
    ),
    "forged: tag": _first(_PATCH + "w.Encoder._container = lambda s, v, d: ['_class__', 1]\ndouble = lambda x: [1]"),
    "forged: home": _first(
        _PATCH + "w.Encoder._container = lambda s, v, d: ['function', 10**6]\ndouble = lambda x: [1]"
    ),
    "forged: deep": _first(
        _PATCH
        + "n = None\nfor _ in range(900):\n    n = ['list', [n]]\nw.Encoder._container = lambda s, v, d: n\ndouble = lambda x: [1]"
    ),
    "forged: endless callbacks": _inside(
        _SOCKET
        + "from labutils.judge import protocol as wire\nwhile True:\n    wire.send(worker.connection, ['callback', 1, ['list', []], ['dict', []]])"
    ),
    "forged: changes of what is no list": (
        {
            "ex_1_1": "import labutils.judge.worker as W\nknown, zero = 2 * start, False\ndef double(x):\n    global zero\n"
            "    zero = not np.array_equal(x, start)\n    return np.zeros_like(x) if zero else known\n"
            "W._changes = lambda b, a: [[0, (), np.zeros_like(a[0])]] if a and isinstance(a[0], np.ndarray) and zero else []"
        },
        ONE,
    ),
    "forged: changes of nothing": _inside(
        "import labutils.judge.worker as W\nW._changes = lambda b, a: [[9, 'a', None], 5]\nreturn 2 * x"
    ),
    "forged: one hash for all": _inside(
        "import labutils.judge.protocol as w\nw.Encoder._container = lambda s, v, d: ['set', [k * (2**61 - 1) for k in range(60000)]]\nreturn [1]"
    ),
    "forged: endless sending": _first(
        _SOCKET
        + "import os, signal\nfrom labutils.judge import protocol as wire\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "s = worker.connection\nif os.fork() == 0:\n    while True:\n        wire.send(s, ['callback', 1, ['list', []], ['dict', []]])\n"
        "while True:\n    s.recv(2**18)",
        ONE,
        RIGHT,
    ),
    "forged: error": _inside(
        _SOCKET
        + "from labutils.judge import protocol as wire\nwire.send(worker.connection, ['error', 'A\\0', ['SystemExit'], 5, 7])\nreturn x"
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
    "prints inside": _inside("print('step')\nreturn 2 * x", ()),
    "warns on stderr": _inside(
        "import sys, warnings\nwarnings.warn('old')\nprint('step', file=sys.stderr)\nreturn 2 * x", ()
    ),
    "a million prints": _first("for i in range(10**6):\n    print(i)", (), RIGHT),
    "a huge line": _first("print('x' * 10**8)", (), RIGHT),
    "a huge picture": _first(
        "from IPython.display import display\ndisplay({'image/png': 'A' * 10**8}, raw=True)", (), RIGHT
    ),
    "surrogates": _first("print('\\ud800')\ndisplay({'text/plain': '\\ud800'}, raw=True)", (), RIGHT),
    "asks for input": _first("try:\n    input()\nexcept Exception:\n    pass", (), RIGHT),
    "leaves politely": _first("import sys\nsys.exit()", (), RIGHT),
    "runs a shell": _first("!echo hello\n%time 1 + 1", (), RIGHT),
    "deep recursion": _inside("return double(x)"),
    "custom error": (
        {
            "ex_1_3": "class Empty(ValueError):\n    pass\ndef push(x, force):\n    if not len(x):\n        raise Empty('0 of them')\n    return x + force(x) / 2"
        },
        (),
    ),
    "error that cannot be printed": _inside(
        "class E(Exception):\n    def __str__(self):\n        raise self\nraise E()"
    ),
    "SystemExit inside": _inside("raise SystemExit(0)"),
    "returns a list": _inside("return (2 * x).tolist()", ONE),
    "float32": _inside("return (2 * x).astype(np.float32)", ()),
    "a method as answer": (
        {
            "ex_1_1": "class D:\n    def __init__(self):\n        self.k = 2\n    def double(self, x):\n        return self.k * x\ndouble = D().double"
        },
        (),
    ),
    "partial": ({"ex_1_1": "from functools import partial\ndouble = partial(np.multiply, 2)"}, ()),
    "a ufunc": ({"ex_1_1": "double = np.vectorize(lambda x: 2.0 * x)"}, ()),
    "half the credit": ({"ex_1_4": "def share():\n    return 1.5"}, ()),
    "hooks stdout": _first("import sys, io\nsys.stdout = io.StringIO()\nsys.stderr.close()", (), RIGHT),
    "random state": _first("np.random.seed(1)\nstate = np.random.RandomState(0)", (), RIGHT),
}

VIOLENT = {
    "os._exit": _first("import os\nos._exit(3)", ONE, RIGHT),
    "os._exit inside": _inside("import os\nos._exit(0)"),
    "segmentation fault": _first("import ctypes\nctypes.string_at(0)", ONE, RIGHT),
    "abort": _first("import os\nos.abort()", ONE, RIGHT),
    "endless loop": _first("while True:\n    pass", (), RIGHT),
    "endless loop inside": _inside("while True:\n    pass"),
    "ignores interrupts": _first(
        "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
        ONE,
        RIGHT,
    ),
    "ignores interrupts inside": _inside(
        "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass"
    ),
    "no signals": _first(
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    pass", ONE, RIGHT
    ),
    "sleeps": _inside("import time\ntime.sleep(1000)"),
    "interrupt handler says right": _inside(
        "try:\n    while True:\n        pass\nexcept KeyboardInterrupt:\n    return 2 * x"
    ),
    "kills its parent": _first(
        "import os, signal\nfor p in (os.getppid(), 0, -1):\n    try:\n        os.kill(p, 9)\n    except OSError:\n        pass",
        (),
        RIGHT,
    ),
    "forks without end": _first(
        "import os\ntry:\n    while True:\n        os.fork()\nexcept OSError:\n    if os.getpid() != 1:\n        os._exit(0)",
        (),
        RIGHT,
    ),
    "forks that stay": _first(
        "import os, time\nfor _ in range(200):\n    try:\n        if os.fork() == 0:\n            time.sleep(60)\n            os._exit(0)\n"
        "    except OSError:\n        break",
        (),
        RIGHT,
    ),
    "threads without end": _first(
        "import threading, time\ntry:\n    while True:\n        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "except RuntimeError:\n    pass",
        (),
        RIGHT,
    ),
    "much memory": _first("hog = np.ones(10**11)", (), RIGHT),
    "memory bit by bit": _first("hog = []\nwhile True:\n    hog.append(np.ones(10**6))", (), RIGHT),
    "memory of many": _first(
        "import os, time\nfor _ in range(20):\n    if os.fork() == 0:\n        hog = np.ones(5 * 10**7)\n        time.sleep(60)\ntime.sleep(60)",
        ONE,
        RIGHT,
    ),
    "memory of a thread's children": _first(
        "import os, threading, time\ndef hogs():\n    for _ in range(5):\n        if os.fork() == 0:\n            hog = np.ones(5 * 10**7)\n"
        "            time.sleep(60)\n    time.sleep(60)\nthreading.Thread(target=hogs).start()\ntime.sleep(8)",
        ONE,
        RIGHT,
    ),
    "memory that nobody counts": _first(
        "import ctypes, os\ntry:\n    os.memfd_create('hog')\nexcept OSError:\n    pass\nelse:\n    double = None\n"
        "if ctypes.CDLL(None).shmget(0, 2**20, 0o1600) != -1:\n    double = None",
        (),
        RIGHT,
    ),
    "leaves something for others": _first(
        "for place in ('/x', '/judge/x.py', '/judge/pandas.py', '/usr/x', '/dev/x', '/proc/x'):\n    try:\n        open(place, 'w')\n"
        "    except OSError:\n        pass\n    else:\n        double = None",
        (),
        RIGHT,
    ),
    "fills the disk": _first(
        "try:\n    for i in range(10**5):\n        open(f'f{i}', 'wb').write(b'x' * 10**8)\nexcept OSError:\n    pass",
        (),
        RIGHT,
    ),
    "many files": _first(
        "try:\n    for i in range(10**6):\n        open(f'f{i}', 'w')\nexcept OSError:\n    pass", (), RIGHT
    ),
    "closes everything": _first("import os\nos.closerange(0, 256)", ONE, RIGHT),
    "huge reply": _inside("return np.zeros(10**8)"),
    "huge list": _inside("return [0.0] * 10**7"),
    "endless generator": _inside("import itertools\nreturn (float(i) for i in itertools.count())"),
    "endless dictionary": _inside("d = {}\nd['d'] = d\nreturn d"),
}

CASES = {**UNLUCKY, **CHEATING, **FORGING, **VIOLENT}
ENDLESS = {name for name in CASES if "endless" in name or "interrupt" in name}
ENDLESS |= {"no signals", "sleeps", "memory bit by bit", "huge list"}
CREDIT = {"half the credit": {"ex_1_4_share": 1.5}}  # partial points
