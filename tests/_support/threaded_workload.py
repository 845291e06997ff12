"""All operations on several threads, for ThreadSanitizer: `tools/sanitize.sh thread`.

    python tests/_support/threaded_workload.py [NAME ...]

Each operation of operations.py, or those that are named, runs on 1, 2, 3, 7 and 16 threads, and must give the same
results. Then 16 threads use one mask at the same time. The inputs are small, and divided into many parts.
"""

from __future__ import annotations

import sys
import threading
import time
import warnings

from operations import OPERATIONS, Material, bits
from threaded import TOGETHER, Fresh, on, small_parts

import hpmask

NUMBERS = (1, 2, 3, 7, 16)


def operation(name: str, material: Material) -> None:
    """Run an operation on each number of threads."""
    results = [on(number, OPERATIONS[name], material) for number in NUMBERS]
    if any(result != results[0] for result in results):
        raise SystemExit(f"{name}: the results depend on the number of threads")


def one_mask(material: Material) -> None:
    """Use masks of which nothing has been found before in 16 threads, which begin at the same time, and divide work."""
    expected = {name: on(1, OPERATIONS[name], material) for name in TOGETHER}
    fresh, found, start = Fresh(material), {}, threading.Barrier(len(TOGETHER))

    def work(k: int) -> None:
        start.wait()
        # All ask the same first, and then one thing each.
        for name in ("contains", TOGETHER[k]):
            found[k, name] = bits(OPERATIONS[name](fresh))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(len(TOGETHER))]
    with hpmask.set_num_threads(3):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    wrong = {
        name for k, one in enumerate(TOGETHER) for name in ("contains", one) if found.get((k, name)) != expected[name]
    }
    if wrong:
        raise SystemExit(f"one mask in {len(TOGETHER)} threads gave other results of {', '.join(sorted(wrong))}")


def main(names: list[str]) -> None:
    warnings.simplefilter("ignore")
    material = Material("small")
    with small_parts():
        for name in names or list(OPERATIONS):
            start = time.process_time()
            operation(name, material)
            print(f"{name}: {time.process_time() - start:.1f} s", flush=True)
        if not names:
            one_mask(material)
            print(f"one mask in {len(TOGETHER)} threads")


if __name__ == "__main__":
    main(sys.argv[1:])
