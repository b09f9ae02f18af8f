"""A program in Python that waits for a lock through ctypes, and Control-C.

Usage: python_test.py liblock.so lockd

Python runs its handler of a signal when the call has returned. So without
LK_FLAG_INTERRUPTIBLE it would wait for as long as lk_acquire() does.
"""

import ctypes
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench" / "runs"))
sys.dont_write_bytecode = True

from ports import free_ports  # noqa: E402 (the path comes first)

OK, INTERRUPTED, INTERRUPTIBLE = 0, 32, 4
SECOND = 10**9
FOREVER = 2**64 - 1


class Done(ctypes.Structure):
    _fields_ = [("call", ctypes.c_void_p), ("user", ctypes.c_void_p)]


class Options(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("nodes", ctypes.c_char_p),
                ("flags", ctypes.c_uint32), ("sessions_max", ctypes.c_uint32),
                ("requests_max", ctypes.c_uint32), ("holds_max", ctypes.c_uint32),
                ("ttl_ns", ctypes.c_uint64), ("grace_ns", ctypes.c_uint64),
                ("min_usable_ns", ctypes.c_uint64), ("answer_wait_ns", ctypes.c_uint64),
                ("connect_wait_ns", ctypes.c_uint64), ("label", ctypes.c_char_p),
                ("session_user", ctypes.c_void_p), ("on_event", ctypes.c_void_p),
                ("on_log", ctypes.c_void_p), ("user", ctypes.c_void_p),
                ("log_level", ctypes.c_int), ("opened", Done)]


class Grant(ctypes.Structure):
    _fields_ = [("token", ctypes.c_uint64), ("deadline_ns", ctypes.c_uint64),
                ("hold", ctypes.c_uint64)]


class Client:
    def __init__(self, library, nodes, flags):
        self.library = library
        options = Options(
            size=ctypes.sizeof(Options), nodes=nodes.encode(), flags=flags, sessions_max=16,
            requests_max=64, holds_max=64, ttl_ns=10 * SECOND, grace_ns=45 * SECOND,
            answer_wait_ns=5 * SECOND, connect_wait_ns=SECOND // 2, log_level=2)
        self.handle = ctypes.c_void_p()
        status = library.lk_open(ctypes.byref(options), ctypes.byref(self.handle))
        assert status == OK, library.lk_last_error()
        self.session = ctypes.c_void_p(library.lk_client_session(self.handle))
        self.grant = Grant()

    def acquire(self, wait_ns):
        return self.library.lk_acquire(self.session, b"build", ctypes.c_size_t(5),
                                       ctypes.c_uint64(wait_ns), ctypes.byref(self.grant))

    def release(self):
        return self.library.lk_release(self.session, b"build", ctypes.c_size_t(5),
                                       ctypes.c_uint64(self.grant.token))

    def close(self):
        self.library.lk_close(self.handle)


def load(path):
    library = ctypes.CDLL(path)
    library.lk_client_session.restype = ctypes.c_void_p
    library.lk_last_error.restype = ctypes.c_char_p
    return library


def interrupt_later(seconds):
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    return timer


def control_c_ends_a_wait(library, nodes):
    holder = Client(library, nodes, 0)
    assert holder.acquire(0) == OK
    waiter = Client(library, nodes, INTERRUPTIBLE)
    timer = interrupt_later(0.3)
    begin = time.monotonic()
    status = None
    try:
        status = waiter.acquire(FOREVER)
        # The handler runs at the end of the call, or a little later.
        time.sleep(5)
        raise AssertionError(f"no KeyboardInterrupt, the status is {status}")
    except KeyboardInterrupt:
        took = time.monotonic() - begin
    timer.join()
    assert took < 2, f"Control-C took {took:.1f} s"
    assert status in (None, INTERRUPTED), status
    # It holds and waits for nothing, and works as before.
    assert holder.release() == OK
    assert waiter.acquire(SECOND) == OK
    assert waiter.release() == OK
    waiter.close()
    holder.close()


def another_thread_ends_a_wait(library, nodes):
    """What a binding for Go or Java does when the caller's context is cancelled."""
    holder = Client(library, nodes, 0)
    assert holder.acquire(0) == OK
    waiter = Client(library, nodes, 0)
    timer = threading.Timer(0.2, library.lk_interrupt, (waiter.handle,))
    timer.start()
    assert waiter.acquire(FOREVER) == INTERRUPTED
    timer.join()
    waiter.close()
    holder.close()


def main():
    library = load(sys.argv[1])
    nodes = f"127.0.0.1:{free_ports(1)[0]}"
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        lockd = subprocess.Popen([sys.argv[2], "--dev", os.path.join(folder, "data"),
                                  "--listen", nodes], stderr=subprocess.DEVNULL)
        try:
            control_c_ends_a_wait(library, nodes)
            another_thread_ends_a_wait(library, nodes)
        finally:
            lockd.terminate()
            lockd.wait()
    print("Control-C ends a wait in Python")


if __name__ == "__main__":
    main()
