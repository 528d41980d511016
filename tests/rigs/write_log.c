/* Records, in order, what a process asks of its database files: every write with its bytes, every
 * sync, every truncation, and every receipt it prints. Loaded by LD_PRELOAD; FOREPOST_WRITE_LOG
 * names the record. One record is a header of four little-endian 64-bit numbers (kind, file,
 * offset, length), then `length` bytes. file: 0 journal.db, 1 journal.db-wal, 9 standard output.
 *
 * FOREPOST_KILL_AT=pwrite64:7 kills the process, as kill -9 does, when it comes to its seventh
 * such call on these files; likewise fdatasync, and receipt. A small fraction of what strace costs.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WRITE = 1, SYNC = 2, TRUNCATE = 3, RECEIPT = 4 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int record_fd = -1;

static int file_of(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return -1;
    path[n] = 0;
    const char *name = strrchr(path, '/');
    if (name == NULL) return -1;
    if (strcmp(name, "/journal.db") == 0) return 0;
    if (strcmp(name, "/journal.db-wal") == 0) return 1;
    return -1;
}

static void kill_if_due(const char *call, int file) {
    static int n_calls;
    const char *due = getenv("FOREPOST_KILL_AT");
    size_t length = strlen(call);
    if (due == NULL || file < 0 || strncmp(due, call, length) != 0 || due[length] != ':') return;
    if (__atomic_add_fetch(&n_calls, 1, __ATOMIC_SEQ_CST) == atoi(due + length + 1))
        kill(getpid(), SIGKILL);
}

static void put(const void *bytes, size_t n) {
    static ssize_t (*real)(int, const void *, size_t);
    if (real == NULL) real = dlsym(RTLD_NEXT, "write");
    for (const char *at = bytes; n > 0;) {
        ssize_t done = real(record_fd, at, n);
        if (done <= 0) abort();
        at += done;
        n -= (size_t)done;
    }
}

static void record(uint64_t kind, int file, uint64_t offset, const void *bytes, uint64_t n) {
    const char *path = getenv("FOREPOST_WRITE_LOG");
    if (file < 0 || path == NULL) return;
    uint64_t head[4] = {kind, (uint64_t)file, offset, bytes == NULL ? 0 : n};
    pthread_mutex_lock(&lock);
    if (record_fd < 0) record_fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
    if (record_fd < 0) abort();
    put(head, sizeof head);
    if (bytes != NULL) put(bytes, n);
    pthread_mutex_unlock(&lock);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t offset) {
    ssize_t (*real)(int, const void *, size_t, off64_t) = dlsym(RTLD_NEXT, "pwrite64");
    kill_if_due("pwrite64", file_of(fd));
    ssize_t done = real(fd, bytes, n, offset);
    if (done > 0) record(WRITE, file_of(fd), (uint64_t)offset, bytes, (uint64_t)done);
    return done;
}

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t offset) {
    return pwrite64(fd, bytes, n, offset);
}

/* A sync is recorded when it has returned: what was written before it is safe from then on. */
int fdatasync(int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
    kill_if_due("fdatasync", file_of(fd));
    int failed = real(fd);
    if (!failed) record(SYNC, file_of(fd), 0, NULL, 0);
    return failed;
}

int fsync(int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    int failed = real(fd);
    if (!failed) record(SYNC, file_of(fd), 0, NULL, 0);
    return failed;
}

int ftruncate64(int fd, off64_t size) {
    int (*real)(int, off64_t) = dlsym(RTLD_NEXT, "ftruncate64");
    int failed = real(fd, size);
    if (!failed) record(TRUNCATE, file_of(fd), (uint64_t)size, NULL, 0);
    return failed;
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

/* A receipt is recorded before it goes out: nobody can have heard it earlier. */
ssize_t write(int fd, const void *bytes, size_t n) {
    ssize_t (*real)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
    if (fd == 1) kill_if_due("receipt", 9);
    if (fd == 1) record(RECEIPT, 9, 0, bytes, n);
    return real(fd, bytes, n);
}
