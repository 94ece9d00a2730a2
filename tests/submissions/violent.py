"""Submissions that crash, never end, or take all the memory, processes and files that they can get."""

from tests.submissions.edits import ONE, RIGHT, first, inside

VIOLENT = {
    "os._exit": first("import os\nos._exit(3)", ONE, RIGHT),
    "os._exit inside": inside("import os\nos._exit(0)"),
    "segmentation fault": first("import ctypes\nctypes.string_at(0)", ONE, RIGHT),
    "abort": first("import os\nos.abort()", ONE, RIGHT),
    "endless loop": first("while True:\n    pass", (), RIGHT),
    "endless loop inside": inside("while True:\n    pass"),
    "ignores interrupts": first(
        "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass",
        ONE,
        RIGHT,
    ),
    "ignores interrupts inside": inside(
        "while True:\n    try:\n        while True:\n            pass\n    except BaseException:\n        pass"
    ),
    "no signals": first(
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    pass", ONE, RIGHT
    ),
    "sleeps": inside("import time\ntime.sleep(1000)"),
    "interrupt handler says right": inside(
        "try:\n    while True:\n        pass\nexcept KeyboardInterrupt:\n    return 2 * x"
    ),
    "kills its parent": first(
        "import os, signal\nfor p in (os.getppid(), 0, -1):\n    try:\n        os.kill(p, 9)\n    except OSError:\n        pass",
        (),
        RIGHT,
    ),
    "forks without end": first(
        "import os\ntry:\n    while True:\n        os.fork()\nexcept OSError:\n    if os.getpid() != 1:\n        os._exit(0)",
        (),
        RIGHT,
    ),
    "forks that stay": first(
        "import os, time\nfor _ in range(200):\n    try:\n        if os.fork() == 0:\n            time.sleep(60)\n            os._exit(0)\n"
        "    except OSError:\n        break",
        (),
        RIGHT,
    ),
    "threads without end": first(
        "import threading, time\ntry:\n    while True:\n        threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n"
        "except RuntimeError:\n    pass",
        (),
        RIGHT,
    ),
    "much memory": first("hog = np.ones(10**11)", (), RIGHT),
    "memory bit by bit": first("hog = []\nwhile True:\n    hog.append(np.ones(10**6))", (), RIGHT),
    "memory of many": first(
        "import os, time\nfor _ in range(20):\n    if os.fork() == 0:\n        hog = np.ones(5 * 10**7)\n        time.sleep(60)\ntime.sleep(60)",
        ONE,
        RIGHT,
    ),
    "memory of a thread's children": first(
        "import os, threading, time\ndef hogs():\n    for _ in range(5):\n        if os.fork() == 0:\n            hog = np.ones(5 * 10**7)\n"
        "            time.sleep(60)\n    time.sleep(60)\nthreading.Thread(target=hogs).start()\ntime.sleep(8)",
        ONE,
        RIGHT,
    ),
    "memory that nobody counts": first(
        "import ctypes, os\ntry:\n    os.memfd_create('hog')\nexcept OSError:\n    pass\nelse:\n    double = None\n"
        "if ctypes.CDLL(None).shmget(0, 2**20, 0o1600) != -1:\n    double = None",
        (),
        RIGHT,
    ),
    "memory in socket buffers": first(
        "import os, socket, time\ndef hog():\n    held = []\n    try:\n        while True:\n            one, other = socket.socketpair()\n"
        "            one.setblocking(False)\n            held += [one, other]\n            for end in (one, other):\n                end.setblocking(False)\n"
        "                try:\n                    while True:\n                        end.send(bytes(10**5))\n"
        "                except BlockingIOError:\n                    pass\n    except OSError:\n        time.sleep(30)\n        os._exit(0)\n"
        "for _ in range(40):\n    if os.fork() == 0:\n        hog()\ntime.sleep(30)",
        ONE,
        RIGHT,
    ),
    "larger socket buffers": first(
        "import socket\none, other = socket.socketpair()\nfor option in (socket.SO_SNDBUF, socket.SO_RCVBUF):\n    try:\n"
        "        one.setsockopt(socket.SOL_SOCKET, option, 10**6)\n        double = None\n    except OSError:\n        pass",
        (),
        RIGHT,
    ),
    "namespaces in namespaces": first(
        "import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "tried = [(272, 0x10000000), (56, 0x10000011, 0, 0, 0, 0), (435, 0, 88), (425, 8, ctypes.create_string_buffer(120)), (323, 1)]\n"
        "mine = os.getpid()\nfor call in tried if os.uname().machine == 'x86_64' else ():\n    done = libc.syscall(*call)\n"
        "    if os.getpid() != mine:\n        os._exit(0)\n"
        "    if done != -1 or ctypes.get_errno() != (38 if call[0] == 435 else 1):\n        double = None",
        (),
        RIGHT,
    ),
    "processes that work together": first(
        "import multiprocessing as mp\nfrom concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor\ncontext = mp.get_context('fork')\n"
        "with ProcessPoolExecutor(2, mp_context=context) as pool:\n    four = list(pool.map(abs, [-4, 4]))\n"
        "with ThreadPoolExecutor(2) as pool:\n    four += pool.map(abs, [-4, 4])\nwith context.Pool(2) as pool:\n    four += pool.map(abs, [-4, 4])\n"
        "shared = mp.Value('i', 4)\nimport torch\nfrom torch.utils.data import DataLoader\n"
        "loaded = torch.cat(list(DataLoader(torch.ones(40, 3), batch_size=10, num_workers=2, multiprocessing_context='fork')))\n"
        "if four != [4] * 6 or loaded.sum() != 120 or shared.value != 4:\n    double = None",
        (),
        RIGHT + "\nif four != [4] * 6 or loaded.sum() != 120:\n    double = None\n",
    ),
    "leaves something for others": first(
        "for place in ('/x', '/judge/x.py', '/judge/pandas.py', '/usr/x', '/dev/x', '/proc/x'):\n    try:\n        open(place, 'w')\n"
        "    except OSError:\n        pass\n    else:\n        double = None",
        (),
        RIGHT,
    ),
    "fills the disk": first(
        "try:\n    for i in range(10**5):\n        open(f'f{i}', 'wb').write(b'x' * 10**8)\nexcept OSError:\n    pass",
        (),
        RIGHT,
    ),
    "many files": first(
        "try:\n    for i in range(10**6):\n        open(f'f{i}', 'w')\nexcept OSError:\n    pass", (), RIGHT
    ),
    "closes everything": first("import os\nos.closerange(0, 256)", ONE, RIGHT),
    "huge reply": inside("return np.zeros(10**8)"),
    "huge list": inside("return [0.0] * 10**7"),
    "endless generator": inside("import itertools\nreturn (float(i) for i in itertools.count())"),
    "endless dictionary": inside("d = {}\nd['d'] = d\nreturn d"),
}
