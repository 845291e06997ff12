"""Hostile files through every door: an error of the right kind, in little time and memory, with a short message."""

import json
import subprocess
import sys

import bombs
import numpy as np
import pytest
from profiles import cases, seed
from sanitized import not_sanitized

pytest.importorskip("resource")

# What a door may raise. Files of masks and maps have an error of their own.
ERRORS = {"mask": "MaskFormatError", "set": "MaskFormatError", "map": "MaskFormatError"}
MEGABYTES, SECONDS = 400, 15


def outcomes(folder, inputs):
    """What the doors make of the inputs, from a process with limits of memory and time."""
    names = {}
    for number, (door, name, suffix, content) in enumerate(inputs):
        path = folder / f"{door}-{number:05}{suffix}"
        path.write_bytes(content)
        names[path.name] = f"{door} {name}"
    command = [sys.executable, bombs.__file__, str(folder), str(MEGABYTES), str(SECONDS)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60 + 20 * len(inputs))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    missing = sorted(set(names) - {line["file"] for line in lines})
    assert done.returncode == 0, (
        f"the process ended at {names[missing[0]] if missing else 'its end'}: {done.stderr[-2000:]}"
    )
    return {names[line["file"]]: line for line in lines}


def faults_of(what, line):
    """What is wrong with an outcome."""
    wanted = ERRORS.get(what.split()[0], "ValueError")
    if line["kinds"] and wanted not in line["kinds"]:
        yield f"{what}: {line['end']} in place of {wanted}: {line['message'][:200]}"
    if line["length"] > 2000:
        yield f"{what}: a message of {line['length']} characters"
    if line["seconds"] > SECONDS - 1:
        yield f"{what}: {line['seconds']:.0f} s"


@not_sanitized
@pytest.mark.parametrize("n", [15, pytest.param(60, marks=pytest.mark.deep)])
def test_hostile_files(tmp_path, n, counted):
    inputs = bombs.inputs()
    chosen = np.random.default_rng(seed()).permutation(len(inputs))[: cases(n)]
    found = outcomes(tmp_path, [inputs[k] for k in chosen])
    faults = [fault for what, line in found.items() for fault in faults_of(what, line)]
    assert not faults, "\n".join(faults)
    counted(len(chosen), "hostile inputs")


def test_what_counts_as_a_fault():
    """Planted outcomes: another error, a message as long as the file, and a reader without its limit."""
    good = {
        "end": "MaskFormatError",
        "kinds": ["MaskFormatError", "ValueError"],
        "length": 9,
        "message": "",
        "seconds": 0,
    }
    assert not list(faults_of("mask a", good))
    for planted in ({"kinds": ["RecursionError"]}, {"kinds": ["MemoryError"]}, {"length": 10**6}, {"seconds": SECONDS}):
        assert len(list(faults_of("mask a", {**good, **planted}))) == 1
