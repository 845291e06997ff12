#!/usr/bin/env bash
# Kernels built with gcc's AddressSanitizer and UndefinedBehaviorSanitizer, and the tests that are near to them.
#
#   tools/sanitize.sh [PYTEST ARGUMENT ...]
#
# Works on a copy of hpmask/ and tests/ (in $SANITIZE_DIR, or a temporary folder), so that the kernels in use stay as
# they are. $PYTHON needs Cython, numpy and the test extra. Any error that a sanitizer finds ends the run.
# Reads of values that were never set are the business of valgrind: pytest tests/_kernels/test_memory.py
set -euo pipefail
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
work=${SANITIZE_DIR:-}
if [ -z "$work" ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$work"
cp -r hpmask tests pyproject.toml "$work"
cd "$work"
rm -f hpmask/_kernels/*.so

read -r include suffix < <("$python" -c '
import sysconfig
print(sysconfig.get_paths()["include"], sysconfig.get_config_var("EXT_SUFFIX"))')
build() {
  if [ "$1" = _memoryviews ]; then
    "$python" -m cython --generate-shared="hpmask/_kernels/$1.c"
  else
    "$python" -m cython -3 -M --shared=hpmask._kernels._memoryviews "hpmask/_kernels/$1.pyx" -o "hpmask/_kernels/$1.c"
  fi
  gcc -shared -fPIC -O1 -g -std=c11 -ffp-contract=off -fno-omit-frame-pointer -w \
    -fsanitize=address,undefined -fno-sanitize-recover=all \
    -I"$include" "hpmask/_kernels/$1.c" -o "hpmask/_kernels/$1$suffix" -lm
  echo "built $1"
}
export -f build
export python include suffix
for kernel in _memoryviews hpmask/_kernels/*.pyx; do basename "$kernel" .pyx; done | xargs -P "$(nproc)" -I{} bash -euc 'build {}'

# Python itself leaks, by design.
export LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
export ASAN_OPTIONS=detect_leaks=0:detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1
export PYTHONPATH=$work HYPOTHESIS_PROFILE=${HYPOTHESIS_PROFILE:-fast}
"$python" tests/_support/kernel_workload.py
# Limits of memory and a sanitizer's shadow memory exclude each other: test_memory.py, and those that trace memory.
"$python" -m pytest -q -p no:cacheprovider --ignore tests/_kernels/test_memory.py -k "not memory" \
  tests/_kernels tests/core tests/morphology "$@"
