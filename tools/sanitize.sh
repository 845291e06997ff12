#!/usr/bin/env bash
# The tests on kernels that are built to find their own errors.
#
#   tools/sanitize.sh address [PYTEST ARGUMENT ...]   AddressSanitizer and UndefinedBehaviorSanitizer
#   tools/sanitize.sh checked [PYTEST ARGUMENT ...]   bounds of arrays, the requirements of kernels (see
#                                                     hpmask/_kernels/checked.pxd), UndefinedBehaviorSanitizer
#   tools/sanitize.sh thread [PYTEST ARGUMENT ...]    ThreadSanitizer
#   tools/sanitize.sh memory [PYTEST ARGUMENT ...]    valgrind: values that were never set
#   tools/sanitize.sh --self-test [KIND ...]          whether each of them finds the errors of tests/_support/planted.pyx
#
# `address,checked` is both in one build. Without arguments for pytest, `address` and `checked` run all tests that pytest
# runs by default, `thread` runs tests/_support/threaded_workload.py, and `memory` tests/_support/kernel_workload.py.
#
# Works on a copy of the project, so that the kernels in use stay as they are: in $SANITIZE_DIR, which keeps what has
# been built, or in a temporary folder. $PYTHON needs Cython, numpy and the test extra. $CC is gcc (the default) or clang,
# $CFLAGS has more flags for it (-O1 takes five times longer to compile), and $JOBS is the number of compilers at a time.
# The reports of all processes are collected, and any report fails the run: a test may expect a process to fail.
set -euo pipefail
tree=$(cd "$(dirname "$0")/.." && pwd)
python=${PYTHON:-python3}
jobs=${JOBS:-$(nproc)}
CFLAGS=${CFLAGS:-}
read -ra cc <<<"${CC:-gcc}"
ccache=$(command -v ccache || true)

usage() {
  sed -n 's/^#   \(tools.*\)/\1/p' "$tree/tools/sanitize.sh" >&2
  exit 2
}

# The runtime library of a sanitizer, by its name for gcc and its name for clang.
runtime() {
  if [ -z "$clang" ]; then
    "${cc[@]}" -print-file-name="lib$1.so"
  else
    "${cc[@]}" -print-file-name="libclang_rt.$2-$(uname -m).so"
  fi
}

# Choose kinds: their folder, the flags of the compiler, and the libraries that are loaded before all others.
choose() {
  # Null, misaligned and overflowing pointers are left out: their checks are most of the code, and take most of the time
  # to compile.
  local undefined=shift,signed-integer-overflow,integer-divide-by-zero,bounds,float-cast-overflow,unreachable one
  kinds=$1
  # A comma would end an option of the sanitizers.
  work=$base/${kinds//,/+}
  reports=$work/reports
  flags=(-O0 -g -std=c11 -fPIC -ffp-contract=off -fno-omit-frame-pointer -w $CFLAGS)
  preload=()
  for one in ${kinds//,/ }; do
    case $one in
      address)
        flags+=("-fsanitize=address,$undefined" -fno-sanitize-recover=all ${clang:+-shared-libsan})
        preload+=("$(runtime asan asan)")
        [ -n "$clang" ] || preload+=("$(runtime ubsan -)")
        ;;
      checked)
        flags+=(-DHPMASK_CHECKED "-fsanitize=$undefined" -fno-sanitize-recover=all)
        has address || preload+=("$(runtime ubsan ubsan_standalone)")
        ;;
      thread)
        flags+=(-fsanitize=thread)
        preload+=("$(runtime tsan tsan)")
        ;;
      memory)
        command -v valgrind >/dev/null || { echo "valgrind is not installed" >&2; exit 1; }
        ;;
      *) usage ;;
    esac
  done
  rm -rf "$reports"
  mkdir -p "$work" "$reports"
}

has() { [[ ",$kinds," = *",$1,"* ]]; }

# What a kernel of the copy is made from, and how.
made_from() {
  # _memoryviews has no source.
  { cat "hpmask/_kernels/$1.pyx" hpmask/_kernels/*.pxd 2>/dev/null || true; } | cksum
  echo "$cython ${cc[*]} ${flags[*]} $shared"
}

# Make the library of a kernel from its C.
compile() {
  local c=hpmask/_kernels/$1.c
  if has checked; then
    # Here, and not as an IndexError, which someone may catch.
    sed -i -E 's/^( +)(__Pyx_RaiseBufferIndexError(Nogil)?\(__pyx_t_)/\1hpmask_fault("an index is out of bounds", __FILE__, __LINE__);\2/' "$c"
  fi
  $ccache "${cc[@]}" "${flags[@]}" -I"$include" -c "$c" -o "${c%.c}.o"
  "${cc[@]}" -shared "${flags[@]}" "${c%.c}.o" -o "hpmask/_kernels/$1$suffix" -lm
  made_from "$1" >"hpmask/_kernels/$1.stamp"
  echo "built $1"
}

# Build the kernels of the copy that are named, unless that has been done. Errors name the lines of the Cython source.
build() {
  local name running=0 stale=()
  cd "$work"
  if has checked; then
    # The directives of a file take precedence over those of the command line. A negative index is an error, too.
    sed -i '1s/boundscheck=False/boundscheck=True/; 1s/initializedcheck=False/initializedcheck=True/' \
      hpmask/_kernels/*.pyx hpmask/_kernels/*.pxd
    for name in hpmask/_kernels/*.pyx; do echo 'from hpmask._kernels.checked cimport require as _' >>"$name"; done
  fi
  for name in "$@"; do
    made_from "$name" | cmp -s - "hpmask/_kernels/$name.stamp" || stale+=("$name")
  done
  [ ${#stale[@]} -gt 0 ] || return 0
  for name in "${stale[@]}"; do
    if [ "$name" = _memoryviews ]; then
      "$python" -m cython --generate-shared=hpmask/_kernels/_memoryviews.c >&2
    else
      echo "hpmask/_kernels/$name.pyx"
    fi
  done | xargs -n 10 -P "$jobs" "$python" -m cython -3 --line-directives $shared 2>&1 |
    { grep -v -e '^performance hint' -e '^Compiling' -e '^\[' || true; } >&2
  for name in "${stale[@]}"; do
    if [ "$running" -ge "$jobs" ]; then
      wait -n
      running=$((running - 1))
    fi
    compile "$name" &
    running=$((running + 1))
  done
  while [ "$running" -gt 0 ]; do
    wait -n
    running=$((running - 1))
  done
}

# Python in the copy, with its kernels.
run() {
  local start=("$python")
  if has memory; then
    start=(valgrind -q --error-limit=no "--log-file=$reports/memory.%p" --num-callers=30 "$python")
    export PYTHONMALLOC=malloc OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1
  fi
  # Python itself leaks, by design. Large requests must be refused as malloc refuses them. Races in other packages must
  # not fail the process: `findings` chooses the reports that count.
  env PYTHONPATH="$work" PYTHONDONTWRITEBYTECODE=1 LD_PRELOAD="${preload[*]}" \
    HPMASK_TEST_DATA="${HPMASK_TEST_DATA:-$tree/../shared/data}" HPMASK_CHECKED_LOG="$reports/checked" \
    ASAN_OPTIONS="log_path=$reports/address:detect_leaks=0:allocator_may_return_null=1:verify_asan_link_order=0" \
    UBSAN_OPTIONS="log_path=$reports/undefined:print_stacktrace=1" \
    TSAN_OPTIONS="log_path=$reports/thread:exitcode=0" \
    "${start[@]}" "$@"
}

# What was reported. Python and numpy have errors of their own under valgrind, and are not built for ThreadSanitizer.
findings() {
  local separator
  case $kinds in
    memory) separator='==[0-9]+== *\n' ;;
    thread) separator='==================\n' ;;
    *)
      find "$reports" -type f -exec cat {} +
      return
      ;;
  esac
  find "$reports" -type f -exec cat {} + | awk -v RS="$separator" '/_kernels/'
}

check() {
  local status=0
  choose "$1"
  tar -C "$tree" --exclude='./.*' --exclude='*.so' --exclude=__pycache__ --exclude=./build --exclude=./docs/_build -cf - . |
    tar -C "$work" -xf -
  shared=--shared=hpmask._kernels._memoryviews
  build _memoryviews $(cd "$work/hpmask/_kernels" && basename -s .pyx ./*.pyx)
  shift
  if [ $# -gt 0 ]; then
    run -m pytest -p no:cacheprovider "$@" || status=$?
  elif has thread; then
    run tests/_support/threaded_workload.py || status=$?
  else
    run tests/_support/kernel_workload.py || status=$?
    has memory || run -m pytest -q -p no:cacheprovider || status=$?
  fi
  findings >"$work/findings"
  if [ -s "$work/findings" ]; then
    cat "$work/findings"
    status=1
  fi
  exit "$status"
}

# Whether a report of the present kinds has some words after a statement; without words, that there is no report.
expect() {
  local words=$1 statement=$2
  rm -f "$reports"/*
  run -c "import threading; from hpmask._kernels import $statement" >/dev/null 2>&1 || true
  findings >"$work/findings"
  if [ -n "$words" ] && ! grep -q "$words" "$work/findings" || [ -z "$words" ] && [ -s "$work/findings" ]; then
    echo "$kinds: $statement: expected '$words', and found"
    cat "$work/findings"
    failed=1
  else
    echo "$kinds: $statement: ${words:-nothing}"
  fi
}

self_test() {
  local one failed=0 races
  base=$base/self-test
  for one in "$@"; do
    choose "$one"
    mkdir -p "$work/hpmask/_kernels"
    touch "$work/hpmask/__init__.py" "$work/hpmask/_kernels/__init__.py"
    cp "$tree"/hpmask/_kernels/*.pxd "$tree"/tests/_support/planted*.pyx "$work/hpmask/_kernels"
    shared=
    build planted $(if has checked; then echo planted_index; fi)
    if has address; then
      expect heap-buffer-overflow 'planted; planted.overrun(8)'
      expect '' 'planted; planted.overrun(7)'
    fi
    if has address || has checked; then
      expect 'shift exponent 64 is too large' 'planted; planted.shift(64)'
      expect '' 'planted; planted.shift(62)'
    fi
    if has checked; then
      expect 'planted.pyx:.*a requirement of the kernel is not met' 'planted; planted.unmet(3)'
      expect '' 'planted; planted.unmet(2)'
      for index in 3 -1; do
        expect 'planted_index.pyx:.*an index is out of bounds' \
          "planted_index; import array; planted_index.index(array.array('d', [1, 2, 3]), $index)"
      done
      expect '' "planted_index; import array; planted_index.index(array.array('d', [1, 2, 3]), 2)"
    fi
    if has thread; then
      races='threads = [threading.Thread(target=planted.race, args=(n,)) for n in'
      expect 'data race' "planted; $races (10**7, 10**7)]; [t.start() for t in threads]; [t.join() for t in threads]"
      expect '' "planted; $races (10**7, 0)]; [t.start() for t in threads]; [t.join() for t in threads]"
    fi
    if has memory; then
      expect 'uninitialised value' 'planted; planted.unset(8)'
      expect '' 'planted; planted.unset(1)'
    fi
  done
  exit "$failed"
}

[ $# -gt 0 ] || usage
read -r include suffix cython < <("$python" -c '
import sysconfig, Cython
print(sysconfig.get_paths()["include"], sysconfig.get_config_var("EXT_SUFFIX"), Cython.__version__)')
clang=$("${cc[@]}" --version | grep -m 1 clang || true)
base=${SANITIZE_DIR:-}
if [ -z "$base" ]; then
  base=$(mktemp -d)
  trap 'rm -rf "$base"' EXIT
fi
case $1 in
  --self-test)
    shift
    [ $# -gt 0 ] || set -- address checked thread memory
    self_test "$@"
    ;;
  *) check "$@" ;;
esac
