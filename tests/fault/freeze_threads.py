"""Halts the threads of a process whose name begins so, until standard input ends: `PROCESS NAME`.

Signals stop whole processes only; a tracer stops single threads.
"""

import ctypes
import pathlib
import sys

SEIZE = 0x4206
INTERRUPT = 0x4207

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


def trace(request, thread):
    if libc.ptrace(request, thread, None, None) != 0:
        sys.exit(f"thread {thread} cannot be traced: error {ctypes.get_errno()}")


process, name = sys.argv[1:]
folders = pathlib.Path(f"/proc/{process}/task").iterdir()
threads = [int(folder.name) for folder in folders if (folder / "comm").read_text().startswith(name)]
if not threads:
    sys.exit(f"no thread of {process} is called {name}")
for thread in threads:
    trace(SEIZE, thread)
    trace(INTERRUPT, thread)
sys.stdin.read()
