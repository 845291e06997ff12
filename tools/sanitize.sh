#!/usr/bin/env bash
# Kernels built with gcc's AddressSanitizer and UndefinedBehaviorSanitizer, and the tests that are near to them.
#
#   tools/sanitize.sh [PYTEST ARGUMENT ...]
#
# Works on a copy of hpmask/ and tests/ (in $SANITIZE_DIR, or a temporary folder), so that the kernels in use stay as
# they are. $PYTHON needs Cython, numpy and the test extra. Any error that a sanitizer finds ends the run.
# The test for values that were never set runs valgrind by itself: pytest tests/test_kernel_memory.py
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
work=${SANITIZE_DIR:-$(mktemp -d)}
mkdir -p "$work"
cp -r hpmask tests pyproject.toml "$work"
cd "$work"
rm -f hpmask/_kernels/*.so

read -r include suffix < <("$python" -c '
import sysconfig
print(sysconfig.get_paths()["include"], sysconfig.get_config_var("EXT_SUFFIX"))')
build() {
  "$python" -m cython -3 -M "hpmask/_kernels/$1.pyx" -o "hpmask/_kernels/$1.c"
  gcc -shared -fPIC -O1 -g -std=c11 -ffp-contract=off -fno-omit-frame-pointer -w \
    -fsanitize=address,undefined -fno-sanitize-recover=all \
    -I"$include" "hpmask/_kernels/$1.c" -o "hpmask/_kernels/$1$suffix" -lm
  echo "built $1"
}
export -f build
export python include suffix
for kernel in hpmask/_kernels/*.pyx; do basename "$kernel" .pyx; done | xargs -P "$(nproc)" -I{} bash -euc 'build {}'

tests=(rangeset rasterize shapes distance morphology components steps tiles runs projections wcs_out wcs_in wcs_areas
  lookup healpix reframe)
# Python itself leaks, by design. A limit of the address space and a sanitizer's shadow memory exclude each other, and a
# hypothesis test takes many times as long here as its deadline allows.
export LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
export ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1
export PYTHONPATH=$work
"$python" tests/kernel_workload.py
files=("${tests[@]/#/tests/test_}")
files=("${files[@]/%/.py}")
"$python" -m pytest -q -p no:cacheprovider "${files[@]}" "$@"
