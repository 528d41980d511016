/* A disk that is slow to sync, or fails to: loaded by LD_PRELOAD into a real program, and told by
 * the file FOREPOST_SYNC_TROUBLE, looked at before each sync of journal.db and its log:
 *     delay MS   the sync takes so much longer
 *     fail       the sync fails with EIO and is not done
 *     once       likewise, for one sync; the file is then removed
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int is_journal(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, path, sizeof path - 1);
    if (n < 0) return 0;
    path[n] = 0;
    const char *name = strrchr(path, '/');
    return name != NULL && strncmp(name, "/journal.db", 11) == 0;
}

static int fails(int fd) {
    const char *told = getenv("FOREPOST_SYNC_TROUBLE");
    FILE *file = told == NULL || !is_journal(fd) ? NULL : fopen(told, "re");
    if (file == NULL) return 0;
    char word[16] = "";
    long ms = 0;
    int n = fscanf(file, "%15s %ld", word, &ms);
    fclose(file);
    if (n == 2 && strcmp(word, "delay") == 0) {
        struct timespec pause = {ms / 1000, ms % 1000 * 1000000};
        nanosleep(&pause, NULL);
    }
    if (strcmp(word, "once") == 0) return unlink(told) == 0;
    return strcmp(word, "fail") == 0;
}

int fdatasync(int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
    if (fails(fd)) return errno = EIO, -1;
    return real(fd);
}

int fsync(int fd) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    if (fails(fd)) return errno = EIO, -1;
    return real(fd);
}
