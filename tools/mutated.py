"""Puts a mutant into a process that has already imported hpmask and the tests."""

from __future__ import annotations

import gc
import importlib
import importlib.machinery
import importlib.util
import re
import shutil
import subprocess
import sys
import sysconfig
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mutants import Mutant

_KERNELS = Path("hpmask", "_kernels")


class NoMutant(Exception):
    """The change does not compile, or running functions cannot take it."""


def put_in_place(root: Path, mutant: Mutant) -> None:
    """Give the functions of a module the changed code, or its names the changed value."""
    path = root / mutant.file
    try:
        changed = compile(mutant.apply(path.read_bytes()), str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:
        raise NoMutant(str(error)) from error
    module = importlib.import_module(mutant.file.removesuffix(".py").replace("/", ".").removesuffix(".__init__"))
    if mutant.assigns is not None:
        _assign(module, changed, mutant.assigns)
        return
    codes = {(code.co_qualname, code.co_firstlineno): code for code in _codes(changed)}
    done = 0
    for function in gc.get_objects():
        if isinstance(function, types.FunctionType) and function.__code__.co_filename == module.__file__:
            code = codes.get((function.__code__.co_qualname, function.__code__.co_firstlineno))
            if code is not None and code != function.__code__:
                try:
                    function.__code__ = code
                except ValueError as error:
                    raise NoMutant(str(error)) from error
                done += 1
    if not done:
        raise NoMutant("no function has changed")


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _codes(constant)


def _assign(module: types.ModuleType, changed: types.CodeType, name: str) -> None:
    """Run the changed module under the names of the old one, and take the value for all who imported it."""
    namespace = {"__name__": module.__name__, "__file__": module.__file__}
    try:
        exec(changed, namespace)
    except Exception as error:
        raise NoMutant(repr(error)) from error
    old = getattr(module, name)
    for other in list(sys.modules.values()):
        if getattr(other, "__dict__", {}).get(name) is old:
            setattr(other, name, namespace[name])


def kernels_with(root: Path, file: str) -> list[str]:
    """The kernels that hold the code of a file, the smallest first: itself, or all that include a .pxd."""
    if file.endswith(".pyx"):
        return [Path(file).stem]
    folder = root / _KERNELS
    texts = {path: path.read_text("utf-8") for path in [*folder.glob("*.pyx"), *folder.glob("*.pxd")]}
    names, size = {Path(file).stem}, 0
    while len(names) > size:
        size = len(names)
        pattern = re.compile(rf"from hpmask\._kernels\.({'|'.join(names)}) cimport")
        names |= {path.stem for path, text in texts.items() if path.suffix == ".pxd" and pattern.search(text)}
    holders = [path for path, text in texts.items() if path.suffix == ".pyx" and pattern.search(text)]
    own = folder / f"{Path(file).stem}.pyx"
    return [
        path.stem for path in sorted({*holders, *([own] if own in texts else [])}, key=lambda path: len(texts[path]))
    ]


def compile_kernel(root: Path, mutant: Mutant, kernel: str, folder: Path) -> Path:
    """Compile a changed kernel as the build does, but with -O1."""
    copy = folder / _KERNELS
    if not copy.exists():
        shutil.copytree(root / _KERNELS, copy, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
        (folder / "hpmask" / "__init__.py").touch()
    changed = folder / mutant.file
    original = (root / mutant.file).read_bytes()
    changed.write_bytes(mutant.apply(original))
    source, library = folder / f"{kernel}.c", folder / f"{kernel}.so"
    cython = [sys.executable, "-m", "cython", "-3", "--shared=hpmask._kernels._memoryviews", f"{_KERNELS}/{kernel}.pyx"]
    gcc = ["gcc", "-shared", "-fPIC", "-O1", "-std=c11", "-DNDEBUG", "-w", "-ffp-contract=off"]
    try:
        for command in (
            [*cython, "-o", str(source)],
            [*gcc, f"-I{sysconfig.get_paths()['include']}", str(source), "-o", str(library), "-lm"],
        ):
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        raise NoMutant(error.stderr.decode()[-300:]) from error
    finally:
        changed.write_bytes(original)
    return library


def put_kernel_in_place(kernel: str, library: Path) -> None:
    """Load a compiled kernel, and replace the functions of the old one wherever they are."""
    name = f"hpmask._kernels.{kernel}"
    old = importlib.import_module(name)
    loader = importlib.machinery.ExtensionFileLoader(name, str(library))
    spec = importlib.util.spec_from_loader(name, loader)
    assert spec is not None
    new = importlib.util.module_from_spec(spec)
    loader.exec_module(new)
    replace_everywhere({id(value): getattr(new, key) for key, value in vars(old).items() if _is_function(value)})


def functions_of_kernel(kernel: str) -> list[Any]:
    module = importlib.import_module(f"hpmask._kernels.{kernel}")
    return [value for value in vars(module).values() if _is_function(value)]


def _is_function(value: Any) -> bool:
    return type(value).__name__ == "cython_function_or_method"


def replace_everywhere(new: dict[int, Any]) -> None:
    """Put other objects in place of those with the given ids in all dictionaries: modules, tables."""
    for table in gc.get_objects():
        if type(table) is dict and table is not new:
            for key, value in list(table.items()):
                if id(value) in new and _is_function(value):
                    table[key] = new[id(value)]
