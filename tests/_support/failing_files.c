/* System calls on the files below a folder that fail, fall short, or end or stop the process, at the n-th of them.

   A seccomp filter makes the kernel send SIGSYS in place of each system call on files, and the handler makes the call
   itself, or does what the plan says. Unlike functions that are loaded before those of the C library, it sees all calls
   of all libraries: also those that stdio makes, which numpy writes arrays with. The filter stays until the process
   ends, so it belongs into a process of its own; see failing_files.py.

   The plan is in memory that the process shares with the one that reads the counts, because a killed process tells
   nothing. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/ucontext.h>
#include <unistd.h>

#ifndef __x86_64__
#error "the filter is written for x86-64"
#endif

enum { COUNT, FAIL, DO_AND_FAIL, SHORTEN, KILL, DO_AND_KILL, STOP };

enum { MOST_LOGGED = 1 << 15, MOST_PATH = 4096 };

/* failing_files.py has the same fields. */
struct plan {
    int64_t armed;
    int64_t action;
    int64_t at;      /* the number of the call, from 1 */
    int64_t lasting; /* whether the calls after it meet the same */
    int64_t error;
    int64_t kinds; /* the bits of the kinds that are counted */
    int64_t count;
    int64_t met; /* how often the action was taken */
    char folder[MOST_PATH];
    unsigned char log[MOST_LOGGED]; /* the kinds of the calls */
};

static struct plan *plan;

/* The kinds of calls, in the order of KINDS in failing_files.py. */
enum kind { READ, WRITE, OPEN, CREATE, CLOSE, SYNC, TRUNCATE, RENAME, LINK, UNLINK, MKDIR, RMDIR, STAT, CHMOD, LIST, SEEK, EXCHANGE };

/* Where the arguments of a call name its file: a descriptor, or a path with or without a folder before it. */
struct call {
    int number;
    enum kind kind;
    int descriptor; /* the place of a descriptor, or of the folder of a path; -1 for none */
    int path;       /* the place of a path; -1 for none */
    int length;     /* the place of the number of bytes; -1 for none */
};

static const struct call calls[] = {
    {SYS_read, READ, 0, -1, 2},
    {SYS_pread64, READ, 0, -1, 2},
    {SYS_readv, READ, 0, -1, -1},
    {SYS_preadv, READ, 0, -1, -1},
    {SYS_write, WRITE, 0, -1, 2},
    {SYS_pwrite64, WRITE, 0, -1, 2},
    {SYS_writev, WRITE, 0, -1, -1},
    {SYS_pwritev, WRITE, 0, -1, -1},
    {SYS_sendfile, WRITE, 0, -1, 3},
    {SYS_copy_file_range, WRITE, 2, -1, 4},
    {SYS_open, OPEN, -1, 0, -1},
    {SYS_creat, CREATE, -1, 0, -1},
    {SYS_openat, OPEN, 0, 1, -1},
    {SYS_close, CLOSE, 0, -1, -1},
    {SYS_fsync, SYNC, 0, -1, -1},
    {SYS_fdatasync, SYNC, 0, -1, -1},
    {SYS_truncate, TRUNCATE, -1, 0, -1},
    {SYS_ftruncate, TRUNCATE, 0, -1, -1},
    {SYS_rename, RENAME, -1, 0, -1},
    {SYS_renameat, RENAME, 0, 1, -1},
    {SYS_renameat2, RENAME, 0, 1, -1},
    {SYS_link, LINK, -1, 0, -1},
    {SYS_linkat, LINK, 0, 1, -1},
    {SYS_unlink, UNLINK, -1, 0, -1},
    {SYS_unlinkat, UNLINK, 0, 1, -1},
    {SYS_mkdir, MKDIR, -1, 0, -1},
    {SYS_mkdirat, MKDIR, 0, 1, -1},
    {SYS_rmdir, RMDIR, -1, 0, -1},
    {SYS_stat, STAT, -1, 0, -1},
    {SYS_lstat, STAT, -1, 0, -1},
    {SYS_fstat, STAT, 0, -1, -1},
    {SYS_newfstatat, STAT, 0, 1, -1},
    {SYS_statx, STAT, 0, 1, -1},
    {SYS_chmod, CHMOD, -1, 0, -1},
    {SYS_fchmod, CHMOD, 0, -1, -1},
    {SYS_fchmodat, CHMOD, 0, 1, -1},
    {SYS_getdents64, LIST, 0, -1, -1},
    {SYS_lseek, SEEK, 0, -1, -1},
};

enum { N_CALLS = sizeof calls / sizeof *calls };

/* The one place whose system calls the filter lets through. */
long direct_call(long number, long a, long b, long c, long d, long e, long f);
extern const char after_direct_call[];
__asm__(
    ".text\n"
    ".globl direct_call\n"
    ".type direct_call, @function\n"
    "direct_call:\n"
    "  mov %rdi, %rax\n"
    "  mov %rsi, %rdi\n"
    "  mov %rdx, %rsi\n"
    "  mov %rcx, %rdx\n"
    "  mov %r8, %r10\n"
    "  mov %r9, %r8\n"
    "  mov 8(%rsp), %r9\n"
    "  syscall\n"
    ".globl after_direct_call\n"
    "after_direct_call:\n"
    "  ret\n"
    ".size direct_call, .-direct_call\n");

static int starts_with_folder(const char *path) {
    size_t length = strlen(plan->folder);
    return !strncmp(path, plan->folder, length) && (path[length] == '/' || !path[length]);
}

/* Writes the path of a descriptor, or of the current folder, and returns its length. */
static long path_of(long descriptor, char *path) {
    char link[40] = "/proc/self/cwd";
    if ((int)descriptor != AT_FDCWD) {
        char digits[24];
        int n = 0, place = 14;
        memcpy(link, "/proc/self/fd/", 14);
        unsigned value = (unsigned)descriptor;
        do {
            digits[n++] = (char)('0' + value % 10);
        } while (value /= 10);
        while (n) {
            link[place++] = digits[--n];
        }
        link[place] = 0;
    }
    long length = direct_call(SYS_readlink, (long)link, (long)path, MOST_PATH - 1, 0, 0, 0);
    path[length < 0 ? 0 : length] = 0;
    return length;
}

static int is_watched(const struct call *call, const long *arguments) {
    char path[MOST_PATH];
    const char *given = call->path < 0 ? 0 : (const char *)arguments[call->path];
    if (given && *given == '/') {
        return starts_with_folder(given);
    }
    long folder = call->descriptor < 0 ? AT_FDCWD : arguments[call->descriptor];
    if (path_of(folder, path) < 0) {
        return 0;
    }
    if (starts_with_folder(path)) {
        return 1;
    }
    size_t length = strlen(path);
    if (!given || !*given || length + strlen(given) + 2 > MOST_PATH) {
        return 0;
    }
    path[length] = '/';
    strcpy(path + length + 1, given);
    return starts_with_folder(path);
}

static enum kind kind_of(const struct call *call, const long *arguments) {
    if (call->kind == OPEN && arguments[call->path + 1] & O_CREAT) {
        return CREATE;
    }
    if (call->number == SYS_unlinkat && arguments[2] & AT_REMOVEDIR) {
        return RMDIR;
    }
    if (call->number == SYS_renameat2 && arguments[4] & RENAME_EXCHANGE) {
        return EXCHANGE;
    }
    return call->kind;
}

static long made(long number, const long *a) { return direct_call(number, a[0], a[1], a[2], a[3], a[4], a[5]); }

static void signal_itself(int number) {
    direct_call(SYS_kill, direct_call(SYS_getpid, 0, 0, 0, 0, 0, 0), number, 0, 0, 0, 0);
}

static long answered(long number, long *arguments) {
    const struct call *call = calls;
    while (call < calls + N_CALLS && call->number != number) {
        ++call;
    }
    if (call == calls + N_CALLS || !plan->armed || !is_watched(call, arguments)) {
        return made(number, arguments);
    }
    enum kind kind = kind_of(call, arguments);
    if (!(plan->kinds >> kind & 1)) {
        return made(number, arguments);
    }
    int64_t place = __atomic_add_fetch(&plan->count, 1, __ATOMIC_SEQ_CST);
    if (place <= MOST_LOGGED) {
        plan->log[place - 1] = (unsigned char)kind;
    }
    if (place != plan->at && !(plan->lasting && place > plan->at)) {
        return made(number, arguments);
    }
    __atomic_add_fetch(&plan->met, 1, __ATOMIC_SEQ_CST);
    long result;
    switch (plan->action) {
    case FAIL:
        /* Like the kernel, which closes a descriptor whatever it says. */
        if (kind == CLOSE) {
            made(number, arguments);
        }
        return -plan->error;
    case DO_AND_FAIL:
        result = made(number, arguments);
        if (result >= 0 && (kind == OPEN || kind == CREATE)) {
            /* The file may be there, but nobody has a descriptor of it. */
            direct_call(SYS_close, result, 0, 0, 0, 0, 0);
        }
        return result < 0 ? result : -plan->error;
    case SHORTEN:
        if (call->length >= 0 && arguments[call->length] > 1) {
            /* Different lengths, of which most are odd. */
            long most = 1 + (place * 2654435761L >> 4) % 97;
            if (arguments[call->length] > most) {
                arguments[call->length] = most;
            }
        }
        return made(number, arguments);
    case KILL:
        signal_itself(SIGKILL);
        return -EINTR;
    case DO_AND_KILL:
        made(number, arguments);
        signal_itself(SIGKILL);
        return -EINTR;
    case STOP:
        signal_itself(SIGSTOP);
        return made(number, arguments);
    default:
        return made(number, arguments);
    }
}

static void on_call(int signal, siginfo_t *info, void *context) {
    (void)signal;
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
    long arguments[] = {registers[REG_RDI], registers[REG_RSI], registers[REG_RDX],
                        registers[REG_R10], registers[REG_R8],  registers[REG_R9]};
    registers[REG_RAX] = answered(info->si_syscall, arguments);
}

/* Watch the calls of this process from now on. It must have one thread. Returns 0, or an error number. */
int watch(struct plan *shared) {
    plan = shared;
    struct sigaction action = {.sa_sigaction = on_call, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_RESTART};
    if (sigaction(SIGSYS, &action, 0)) {
        return errno;
    }
    struct sock_filter filter[8 + N_CALLS + 2];
    int n = 0;
    uint64_t place = (uint64_t)(uintptr_t)after_direct_call;
    filter[n++] = (struct sock_filter)BPF_STMT(
        BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer));
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)place, 0, 3);
    filter[n++] = (struct sock_filter)BPF_STMT(
        BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, instruction_pointer) + 4);
    filter[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(place >> 32), 0, 1);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < N_CALLS; ++i) {
        filter[n++] = (struct sock_filter)BPF_JUMP(
            BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)calls[i].number, (uint8_t)(N_CALLS - i), 0);
    }
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP);
    struct sock_fprog program = {.len = (unsigned short)n, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        return errno;
    }
    return 0;
}
