/* Memory that fails where a test wants it to.

   Loaded by LD_PRELOAD, this replaces malloc, calloc, realloc and free. It counts the allocations that watched
   libraries ask for, which it knows by the address they are called from, and can make the n-th of them fail, or the n-th
   and all that follow. The blocks that watched libraries hold are kept in a table, so that a single lost block shows.

   Python's own allocators can be watched as well (`memory_hook_python`). tests/_support/failing_memory.py drives all of
   this by ctypes; until it does so, every call goes straight to the allocator. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ the allocator below */

static void* (*next_malloc)(size_t);
static void* (*next_calloc)(size_t, size_t);
static void* (*next_realloc)(void*, size_t);
static void (*next_free)(void*);

/* dlsym may allocate before the addresses are known. That memory is never given back. */
static _Alignas(16) char early[1 << 16];
static size_t early_used;
static _Thread_local int resolving;

static void* early_block(size_t size) {
    size = (size + 15) & ~(size_t) 15;
    if (early_used + size > sizeof early)
        abort();
    early_used += size;
    return early + early_used - size;
}

static int is_early(const void* block) {
    return (const char*) block >= early && (const char*) block < early + sizeof early;
}

static int resolve(void) {
    if (next_free)
        return 1;
    if (resolving)
        return 0;
    resolving = 1;
    next_malloc = dlsym(RTLD_NEXT, "malloc");
    next_calloc = dlsym(RTLD_NEXT, "calloc");
    next_realloc = dlsym(RTLD_NEXT, "realloc");
    next_free = dlsym(RTLD_NEXT, "free");
    resolving = 0;
    return 1;
}

/* ------------------------------------------------------------------ what is watched, and what fails */

enum { KERNELS = 1, ARRAYS = 2, PYTHON = 4 };

typedef struct {
    uintptr_t first, last;
    int kind;
} Range;

static Range ranges[512];
static int n_ranges;

/* The kinds that are counted; 0 while nothing is. */
static atomic_int armed;
/* Allocations are counted while both are equal. Python sets the second one where it may not allocate anything. */
static atomic_int section;
volatile int memory_section;
static atomic_long seen, first_to_fail, last_to_fail, failed, failed_shrinks;

static int kind_of(const void* caller) {
    for (int i = 0; i < n_ranges; i++)
        if ((uintptr_t) caller >= ranges[i].first && (uintptr_t) caller < ranges[i].last)
            return ranges[i].kind;
    return 0;
}

/* Whether an allocation fails; counts it if it is of a kind that is counted. */
static int fails(int kind, int shrinks) {
    if (!(kind & atomic_load(&armed)) || atomic_load(&section) != memory_section)
        return 0;
    long n = atomic_fetch_add(&seen, 1) + 1;
    if (n < atomic_load(&first_to_fail) || n > atomic_load(&last_to_fail))
        return 0;
    atomic_fetch_add(&failed, 1);
    if (shrinks)
        atomic_fetch_add(&failed_shrinks, 1);
    errno = ENOMEM;
    return 1;
}

/* ------------------------------------------------------------------ the blocks that kernels hold */

/* A hash table of addresses with linear probing; 0 is an empty place. */
#define PLACES (1u << 17)
static uintptr_t held[PLACES];
static atomic_long n_held;
static atomic_int tracking;
static atomic_flag held_lock = ATOMIC_FLAG_INIT;

static void lock(void) {
    while (atomic_flag_test_and_set(&held_lock))
        sched_yield();
}

static void unlock(void) { atomic_flag_clear(&held_lock); }

static uint32_t home(uintptr_t address) { return (uint32_t) ((address >> 4) * 2654435761u) & (PLACES - 1); }

static void hold(void* block) {
    if (!block)
        return;
    lock();
    if (atomic_load(&n_held) >= PLACES / 2) {
        fputs("failing_memory: too many blocks\n", stderr);
        abort();
    }
    uint32_t place = home((uintptr_t) block);
    while (held[place])
        place = (place + 1) & (PLACES - 1);
    held[place] = (uintptr_t) block;
    atomic_fetch_add(&n_held, 1);
    unlock();
}

/* Whether the block was held. It is not any more: the address may be given to another thread as soon as it is free. */
static int let_go(void* block) {
    if (!block || !atomic_load(&n_held))
        return 0;
    lock();
    uint32_t place = home((uintptr_t) block);
    while (held[place] && held[place] != (uintptr_t) block)
        place = (place + 1) & (PLACES - 1);
    int found = held[place] != 0;
    if (found) {
        /* Those behind move up, unless they would then stand before their home. */
        uint32_t hole = place;
        for (uint32_t next = (hole + 1) & (PLACES - 1); held[next]; next = (next + 1) & (PLACES - 1))
            if (((next - home(held[next])) & (PLACES - 1)) >= ((next - hole) & (PLACES - 1))) {
                held[hole] = held[next];
                hole = next;
            }
        held[hole] = 0;
        atomic_fetch_sub(&n_held, 1);
    }
    unlock();
    return found;
}

static void hold_for(int kind, void* block) {
    if (kind == KERNELS && atomic_load(&tracking))
        hold(block);
}

static int watches(void) { return atomic_load(&armed) || atomic_load(&tracking); }

/* ------------------------------------------------------------------ the allocator itself */

void* malloc(size_t size) {
    if (!resolve())
        return early_block(size);
    if (!watches())
        return next_malloc(size);
    int kind = kind_of(__builtin_return_address(0));
    if (kind && fails(kind, 0))
        return NULL;
    void* block = next_malloc(size);
    hold_for(kind, block);
    return block;
}

void* calloc(size_t count, size_t item) {
    if (!resolve())
        return early_block(count * item);
    if (!watches())
        return next_calloc(count, item);
    int kind = kind_of(__builtin_return_address(0));
    if (kind && fails(kind, 0))
        return NULL;
    void* block = next_calloc(count, item);
    hold_for(kind, block);
    return block;
}

void* realloc(void* old, size_t size) {
    if (!resolve() || is_early(old)) {
        void* block = malloc(size);
        if (block && old)
            memcpy(block, old, size < (size_t) (early + sizeof early - (char*) old) ? size : 16);
        return block;
    }
    if (!watches() && !atomic_load(&n_held))
        return next_realloc(old, size);
    int kind = kind_of(__builtin_return_address(0));
    if (kind && fails(kind, old && size <= malloc_usable_size(old)))
        return NULL;
    int was_held = let_go(old);
    void* block = next_realloc(old, size);
    if (was_held)
        hold(block || !size ? block : old);
    else if (!old)
        hold_for(kind, block);
    return block;
}

void free(void* block) {
    if (!block || is_early(block) || !resolve())
        return;
    let_go(block);
    next_free(block);
}

/* ------------------------------------------------------------------ Python's allocators */

typedef struct {
    void* context;
    void* (*malloc)(void*, size_t);
    void* (*calloc)(void*, size_t, size_t);
    void* (*realloc)(void*, void*, size_t);
    void (*free)(void*, void*);
} PythonAllocator;

/* Those of the domains "raw", "mem" and "object", as they were. */
static PythonAllocator python[3];
static int python_is_hooked;

static void* python_malloc(void* context, size_t size) {
    PythonAllocator* below = context;
    return fails(PYTHON, 0) ? NULL : below->malloc(below->context, size);
}

static void* python_calloc(void* context, size_t count, size_t item) {
    PythonAllocator* below = context;
    return fails(PYTHON, 0) ? NULL : below->calloc(below->context, count, item);
}

static void* python_realloc(void* context, void* old, size_t size) {
    PythonAllocator* below = context;
    return fails(PYTHON, 0) ? NULL : below->realloc(below->context, old, size);
}

static void python_free(void* context, void* block) {
    PythonAllocator* below = context;
    below->free(below->context, block);
}

/* False if Python does not have the functions for it. */
int memory_hook_python(void) {
    void (*get)(int, PythonAllocator*) = dlsym(RTLD_DEFAULT, "PyMem_GetAllocator");
    void (*set)(int, PythonAllocator*) = dlsym(RTLD_DEFAULT, "PyMem_SetAllocator");
    if (!get || !set)
        return 0;
    for (int domain = 0; domain < 3 && !python_is_hooked; domain++) {
        get(domain, &python[domain]);
        PythonAllocator mine = {&python[domain], python_malloc, python_calloc, python_realloc, python_free};
        set(domain, &mine);
    }
    python_is_hooked = 1;
    return 1;
}

/* ------------------------------------------------------------------ what Python calls */

/* Watch code at these addresses. False if there are too many. */
int memory_watch(uintptr_t first, uintptr_t last, int kind) {
    if (n_ranges == sizeof ranges / sizeof *ranges)
        return 0;
    ranges[n_ranges++] = (Range) {first, last, kind};
    return 1;
}

/* Count allocations of some kinds from now on, and let those from number `first` to `last` fail. */
void memory_arm(int kinds, long first, long last, int in_section) {
    atomic_store(&armed, 0);
    atomic_store(&seen, 0);
    atomic_store(&failed, 0);
    atomic_store(&failed_shrinks, 0);
    atomic_store(&first_to_fail, first);
    atomic_store(&last_to_fail, last);
    atomic_store(&section, in_section);
    atomic_store(&armed, kinds);
}

void memory_disarm(void) { atomic_store(&armed, 0); }

void memory_track(int on) { atomic_store(&tracking, on); }

long memory_seen(void) { return atomic_load(&seen); }

long memory_failed(void) { return atomic_load(&failed); }

/* Failed calls of realloc that asked for no more than there was. */
long memory_failed_shrinks(void) { return atomic_load(&failed_shrinks); }

/* Blocks that kernels have asked for since `memory_track(1)` and that are not freed. */
long memory_held(void) { return atomic_load(&n_held); }
