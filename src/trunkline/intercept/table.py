"""The one table of entry points: which names of which modules lead into the simulation.

CALLS are functions that get the real one first and whatever they are called with. VALUES are made from the
real thing. MEMBERS are attributes of classes written in Python, TYPE_MEMBERS of classes written in C.
Names that a Python version does not have are passed over.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from trunkline.intercept import (
    files,
    making,
    names,
    processes,
    randoms,
    selecting,
    signals,
    tasks,
    threads,
    times,
    tls,
)
from trunkline.system import locks, real

Call = Callable[..., Any]
Maker = Callable[[Any], Any]

CALLS: Final[list[tuple[str, str, Call]]] = [
    # modules, names, function
    ("time", "time", times.unix_time),
    ("time", "time_ns", times.unix_time_ns),
    ("time", "monotonic perf_counter", times.monotonic),
    ("time", "monotonic_ns perf_counter_ns", times.monotonic_ns),
    ("time", "process_time thread_time", times.cpu_time),
    ("time", "process_time_ns thread_time_ns", times.cpu_time_ns),
    ("time", "clock_gettime", times.clock_gettime),
    ("time", "clock_gettime_ns", times.clock_gettime_ns),
    ("time", "clock_settime clock_settime_ns", times.set_clock),
    ("time", "sleep", times.sleep),
    ("time", "localtime gmtime ctime", times.of_seconds),
    ("time", "asctime", times.asctime),
    ("time", "strftime", times.strftime),
    ("_socket", "getaddrinfo", names.getaddrinfo),
    ("_socket socket", "getnameinfo", names.getnameinfo),
    ("_socket socket", "gethostbyname", names.gethostbyname),
    ("_socket socket", "gethostbyname_ex", names.gethostbyname_ex),
    ("_socket socket", "gethostbyaddr", names.gethostbyaddr),
    ("_socket socket", "gethostname", names.gethostname),
    ("_socket socket", "sethostname", names.sethostname),
    ("os posix", "uname", names.os_uname),
    ("platform", "uname", names.platform_uname),
    ("_socket socket", "if_nameindex", names.if_nameindex),
    ("_socket socket", "if_nametoindex", names.if_nametoindex),
    ("_socket socket", "if_indextoname", names.if_indextoname),
    ("_socket socket", "getdefaulttimeout", names.getdefaulttimeout),
    ("_socket socket", "setdefaulttimeout", names.setdefaulttimeout),
    ("_socket socket", "dup", making.dup),
    ("_socket socket", "close", making.close),
    ("socket", "socketpair", making.socketpair),
    ("select", "select", selecting.select),
    ("select", "poll", selecting.poll),
    ("_thread", "start_new_thread start_new", threads.start_new_thread),
    ("threading", "_start_new_thread", threads.start_new_thread),
    ("_thread threading", "_set_sentinel", threads.set_sentinel),
    ("_thread", "start_joinable_thread", threads.start_joinable_thread),
    ("threading", "_start_joinable_thread", threads.start_joinable_thread),
    ("threading", "_make_invoke_excepthook", threads.make_invoke_excepthook),
    ("threading", "main_thread", threads.main_thread),
    ("threading", "enumerate", threads.enumerate_threads),
    ("threading", "active_count", threads.active_count),
    ("atexit", "register", threads.register_exit),
    ("atexit", "unregister", threads.unregister_exit),
    ("os posix", "read", files.on_descriptor(files.read)),
    ("os posix", "write", files.on_descriptor(files.write)),
    ("os posix", "readv", files.on_descriptor(files.readv)),
    ("os posix", "writev", files.on_descriptor(files.writev)),
    ("os posix", "close", files.on_descriptor(files.close)),
    ("os posix", "dup", files.on_descriptor(files.dup)),
    ("os posix", "dup2", files.on_descriptor(files.dup2)),
    ("os posix", "fstat", files.on_descriptor(files.fstat)),
    ("os posix", "isatty", files.on_descriptor(files.isatty)),
    ("os posix", "lseek", files.on_descriptor(files.lseek)),
    ("os posix", "get_blocking", files.on_descriptor(files.get_blocking)),
    ("os posix", "set_blocking", files.on_descriptor(files.set_blocking)),
    ("os posix", "get_inheritable", files.on_descriptor(files.get_inheritable)),
    ("os posix", "set_inheritable", files.on_descriptor(files.set_inheritable)),
    ("os posix", "eventfd_read", files.on_descriptor(files.eventfd_read)),
    ("os posix", "eventfd_write", files.on_descriptor(files.eventfd_write)),
    ("os posix", "chdir fchdir", files.change_directory),
    ("os posix", "sendfile", files.sendfile),
    ("os posix", "pipe", files.pipe),
    ("os posix", "pipe2", files.pipe2),
    ("os posix", "eventfd", files.eventfd),
    ("fcntl", "fcntl", files.on_file(files.fcntl)),
    ("fcntl", "ioctl", files.on_file(files.ioctl)),
    ("builtins io _io", "open", files.open_file),
    ("os posix", "urandom getrandom", randoms.urandom),
    ("ssl _ssl", "RAND_bytes", randoms.urandom),
    ("uuid", "getnode", randoms.getnode),
    ("uuid", "uuid1", randoms.uuid1),
    *[("random", name, randoms.make_random(name)) for name in randoms.FUNCTIONS],
    ("signal", "signal", signals.set_handler),
    ("signal", "getsignal", signals.get_handler),
    ("signal", "set_wakeup_fd", signals.set_wakeup_fd),
    ("signal", "siginterrupt", signals.siginterrupt),
    ("signal", "raise_signal", signals.raise_signal),
    ("signal", "pthread_kill", signals.pthread_kill),
    ("_thread", "interrupt_main", signals.interrupt_main),
    ("signal", "setitimer", signals.setitimer),
    ("signal", "getitimer", signals.getitimer),
    ("signal", "alarm", signals.alarm),
    ("signal", "pause", signals.pause),
    ("os posix", "kill", signals.kill),
    ("os posix", "killpg", signals.killpg),
    ("os posix", "_exit", signals.exit_now),
    ("os posix", "abort", signals.abort),
    ("os posix", "getpid", signals.getpid),
    ("os posix", "getppid", signals.getppid),
    *[("os posix", name, processes.make_refuse(f"os.{name}")) for name in processes.CHILDREN],
    *[("os posix", name, processes.make_leave(f"os.{name}")) for name in processes.SHARED],
    ("os posix", "nice", processes.nice),
    ("resource", "setrlimit", processes.setrlimit),
    ("resource", "prlimit", processes.prlimit),
    ("_posixsubprocess", "fork_exec", processes.fork_exec),
    ("asyncio.tasks asyncio", "all_tasks", tasks.all_tasks),
]

VALUES: Final[list[tuple[str, str, Maker]]] = [
    # modules, names, what makes it from the real thing
    ("select", "epoll", selecting.make_epoll),
    # a `_thread` that is imported afresh has the types whose methods are ours
    ("_thread", "allocate_lock allocate", lambda _real: real.allocate_lock),
    ("_thread", "LockType lock", lambda _real: real.LockType),
    ("_thread", "RLock", lambda _real: real.RLockType),
    ("_thread threading", "_ThreadHandle", threads.make_handle),
]

MEMBERS: Final[list[tuple[str, str, str, Maker]]] = [
    # module, class, attribute, what makes it from the real one (None where the class has none)
    ("socket", "socket", "__new__", lambda _real: staticmethod(making.new_socket)),
    *[
        ("socket", "socket", name, lambda _real, name=name: making.make_method(name))
        for name in making.METHODS
    ],
    ("ssl", "SSLContext", "_wrap_socket", tls.make_wrap_socket),
    ("random", "Random", "seed", randoms.make_seed),
]

TYPE_MEMBERS: Final[list[tuple[str, str, str, Maker]]] = [
    # module, class, attribute, what makes it from the entry in the type's dictionary
    ("datetime", "datetime", "now", times.make_now),
    ("datetime", "datetime", "utcnow", times.make_utcnow),
    ("_thread", "LockType", "acquire", lambda _real: locks.acquire),
    ("_thread", "LockType", "acquire_lock", lambda _real: locks.acquire),
    ("_thread", "LockType", "release", lambda _real: locks.release),
    ("_thread", "LockType", "release_lock", lambda _real: locks.release),
    ("_thread", "LockType", "__enter__", lambda _real: locks.enter),
    ("_thread", "LockType", "__exit__", lambda _real: locks.leave),
    ("_thread", "RLock", "acquire", lambda _real: locks.acquire_rlock),
    ("_thread", "RLock", "release", lambda _real: locks.release_rlock),
    ("_thread", "RLock", "__enter__", lambda _real: locks.enter_rlock),
    ("_thread", "RLock", "__exit__", lambda _real: locks.leave_rlock),
    ("_thread", "RLock", "_release_save", lambda _real: locks.release_save),
    ("_thread", "RLock", "_acquire_restore", lambda _real: locks.acquire_restore),
    ("_queue", "SimpleQueue", "get", locks.make_get),
    ("_queue", "SimpleQueue", "put", locks.make_put),
    ("_queue", "SimpleQueue", "put_nowait", locks.make_put),
]
