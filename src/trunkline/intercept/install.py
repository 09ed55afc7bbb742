"""Putting the table in place, and taking it away again without a trace.

Installed once for the process: every entry dispatches by its caller, so that outside hosts everything stays
real. Names that modules took before (`from time import monotonic`) are found by identity and replaced;
every change is recorded, and `uninstall` undoes them in reverse.

Left out on purpose: what hides in objects: in containers, in instances, in functions within functions.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import socket as socket_module
import sys
import threading
import types
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from trunkline.intercept import processes, table, tasks, tripwire
from trunkline.intercept.socket import SimulatedSocket
from trunkline.system import real
from trunkline.system.strands import current_system

_MISSING: Final = object()
_undo: list[Callable[[], None]] = []
_swapped: dict[int, tuple[Any, Any]] = {}  # by id of the real thing: it, and what stands for it
_installed = False


def installed() -> bool:
    """Whether the table is in place."""
    return _installed


def install() -> None:
    """Put the table in place; once is enough, more is harmless."""
    global _installed
    if _installed:
        return
    _installed = True
    swapped = _swapped
    for modules, names, function in table.CALLS:
        _put(modules, names, _binder(function), swapped)
    for modules, names, maker in table.VALUES:
        _put(modules, names, maker, swapped)
    for module_name, class_name, name, maker in table.MEMBERS:
        _put_member(module_name, class_name, name, maker)
    for module_name, class_name, name, maker in table.TYPE_MEMBERS:
        _put_type_member(_module(module_name), class_name, name, maker)
    _mend_conditions()
    _put_module_property()
    _number_tasks()
    _scan(swapped)
    sys.meta_path.insert(0, _guard)
    _undo.append(lambda: sys.meta_path.remove(_guard))
    if "uvloop" in sys.modules:
        _loaded(sys.modules["uvloop"])
    tripwire.lay()


def uninstall() -> None:
    """Take everything away again, but for an audit hook that does nothing."""
    global _installed
    while _undo:
        _undo.pop()()
    _swapped.clear()
    _installed = False


def _loaded(module: types.ModuleType) -> None:
    """uvloop, or a module of the table that somebody has imported afresh."""
    if module.__name__ == "uvloop":
        for name, kept in processes.tame_uvloop(module).items():
            _undo.append(partial(setattr, module, name, kept))
        return
    for modules, names, function in table.CALLS:
        if module.__name__ in modules.split():
            _put_into(module, names, _binder(function), _swapped)
    for modules, names, maker in table.VALUES:
        if module.__name__ in modules.split():
            _put_into(module, names, maker, _swapped)
    for module_name, class_name, name, maker in table.TYPE_MEMBERS:
        if module.__name__ == module_name:
            _put_type_member(module, class_name, name, maker)


# ------------------------------------------------------------ the table


def _module(name: str) -> types.ModuleType | None:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _put(
    modules: str, names: str, maker: Callable[[Any], Any], swapped: dict[int, tuple[Any, Any]]
) -> None:
    for module_name in modules.split():
        module = _module(module_name)
        if module is not None:
            _put_into(module, names, maker, swapped)


def _put_into(
    module: types.ModuleType,
    names: str,
    maker: Callable[[Any], Any],
    swapped: dict[int, tuple[Any, Any]],
) -> None:
    for name in names.split():
        found = getattr(module, name, _MISSING)
        if found is _MISSING:
            continue
        known = swapped.get(id(found))
        new = maker(found) if known is None else known[1]
        swapped[id(found)] = (found, new)
        swapped[id(new)] = (new, new)
        _set(module, name, new)


def _binder(function: Callable[..., Any]) -> Callable[[Any], Any]:
    """A function of the table, with the real thing as its first argument."""
    return lambda found: types.MethodType(function, found)


def _set(owner: Any, name: str, value: Any) -> None:
    """Set an attribute, to be undone if it is still ours then."""
    own = vars(owner)
    old = own.get(name, _MISSING)
    setattr(owner, name, value)
    put = vars(owner).get(name)

    def undo() -> None:
        if vars(owner).get(name) is put:
            if old is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, old)

    _undo.append(undo)


def _put_member(module_name: str, class_name: str, name: str, maker: Callable[[Any], Any]) -> None:
    cls = getattr(_module(module_name), class_name, None)
    if cls is not None and hasattr(cls, name):
        old = getattr(cls, name)
        _set(cls, name, maker(old))
        if isinstance(old, types.MethodDescriptorType):
            _swapped[id(old)] = (old, getattr(cls, name))


def _put_type_member(
    module: types.ModuleType | None, class_name: str, name: str, maker: Callable[[Any], Any]
) -> None:
    """Change the dictionary of a type written in C, so that every reference to the type obeys."""
    cls = getattr(module, class_name, None)
    if not isinstance(cls, type):
        return
    members = _members_of(cls)
    if members is None or name not in members:
        return
    old = members[name]
    if isinstance(old, (types.FunctionType, classmethod)):
        return  # ours already: a module imported afresh, with the same type
    modified = ctypes.pythonapi.PyType_Modified

    def put(value: Any) -> None:
        members[name] = value
        modified(ctypes.py_object(cls))

    put(maker(old))
    _undo.append(lambda: put(old))


def _members_of(cls: type) -> dict[str, Any] | None:
    for found in gc.get_referents(cls.__dict__):
        if isinstance(found, dict) and found.get("__doc__") == cls.__doc__:
            return found
    return None


class _SocketModule(types.ModuleType):
    """The `socket` module: in a host, its class is the simulated one."""

    @property
    def socket(self) -> Any:
        """`type(sock) is socket.socket` holds on both sides."""
        return _real_socket if current_system() is None else SimulatedSocket

    @socket.setter
    def socket(self, value: Any) -> None:
        self.__dict__["socket"] = value


_real_socket: Final = socket_module.socket


def _put_module_property() -> None:
    module: Any = socket_module
    old = module.__class__
    module.__class__ = _SocketModule

    def undo() -> None:
        module.__class__ = old

    _undo.append(undo)


def _number_tasks() -> None:
    import asyncio.tasks

    for name in ("_all_tasks", "_scheduled_tasks", "_eager_tasks"):
        registry = getattr(asyncio.tasks, name, None)
        if registry is not None and hasattr(registry, "__dict__"):
            registry.add = tasks.count(registry)
            _undo.append(lambda registry=registry: delattr(registry, "add"))  # type: ignore[misc]


# ------------------------------------------------------------ early-bound names


def _scan(swapped: dict[int, tuple[Any, Any]]) -> None:
    """Replace what loaded modules, their classes and their functions' defaults took before."""
    for module_name, module in list(sys.modules.items()):
        if not isinstance(module, types.ModuleType) or module_name.partition(".")[0] == "trunkline":
            continue
        for name, value in list(vars(module).items()):
            new = _new(value, swapped)
            if new is not value:
                _set(module, name, new)
            elif isinstance(value, type):
                if value.__module__ == module_name:
                    _scan_class(value, swapped)
            elif isinstance(value, types.FunctionType):
                _scan_function(value, swapped)


def _new(value: Any, swapped: dict[int, tuple[Any, Any]]) -> Any:
    entry = swapped.get(id(value))
    if entry is not None and entry[0] is value:
        return entry[1]
    return _bound_afresh(value) if type(value) is types.BuiltinMethodType else value


def _bound_afresh(method: Any) -> Any:
    """A method of a lock that was taken before the lock's type got ours."""
    lock = method.__self__
    if type(lock) is real.LockType or type(lock) is real.RLockType:
        return getattr(lock, method.__name__)
    return method


def _mend_conditions() -> None:
    """threading.Condition takes its lock's methods when it is made; Event, Queue and others have one."""
    mended: list[tuple[weakref.ref[Any], str, Any]] = []
    for found in gc.get_objects():
        if issubclass(type(found), threading.Condition):
            for name, value in list(vars(found).items()):
                if type(value) is types.BuiltinMethodType:
                    new = _bound_afresh(value)
                    if new is not value:
                        setattr(found, name, new)
                        mended.append((weakref.ref(found), name, value))

    def undo() -> None:
        for reference, name, value in mended:
            condition = reference()
            if condition is not None:
                setattr(condition, name, value)

    _undo.append(undo)


def _scan_class(cls: type, swapped: dict[int, tuple[Any, Any]]) -> None:
    for name, value in list(vars(cls).items()):
        if isinstance(value, types.FunctionType):
            _scan_function(value, swapped)
            continue
        new = _new(value, swapped)
        if new is not value:
            try:
                _set(cls, name, new)
            except TypeError:  # a class written in C
                return


def _scan_function(function: types.FunctionType, swapped: dict[int, tuple[Any, Any]]) -> None:
    """Its defaults, and what it closes over: trio wraps the socket's methods so when it is imported."""
    if str(function.__module__).partition(".")[0] == "trunkline":
        return
    for cell in function.__closure__ or ():
        try:
            value = cell.cell_contents
        except ValueError:  # empty
            continue
        entry = swapped.get(id(value))
        if entry is not None and entry[0] is value and entry[1] is not value:
            cell.cell_contents = entry[1]
            _undo.append(partial(setattr, cell, "cell_contents", value))
    defaults = function.__defaults__
    if defaults is not None and any(id(value) in swapped for value in defaults):
        function.__defaults__ = tuple(_new(value, swapped) for value in defaults)
        _undo.append(lambda: setattr(function, "__defaults__", defaults))
    named = function.__kwdefaults__
    if named and any(id(value) in swapped for value in named.values()):
        function.__kwdefaults__ = {name: _new(value, swapped) for name, value in named.items()}
        _undo.append(lambda: setattr(function, "__kwdefaults__", named))


_guard: Final = processes.Guard(
    frozenset(
        name
        for names in (
            *(row[0] for row in table.CALLS),
            *(row[0] for row in table.VALUES),
            *(row[0] for row in table.TYPE_MEMBERS),
        )
        for name in names.split()
    ),
    _loaded,
)
