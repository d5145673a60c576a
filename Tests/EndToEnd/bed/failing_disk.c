// Preloaded into a gateway: makes its reads and writes of objects' files fail, each with the same probability.
//
// FAULTS_BELOW  the cache's folder; what lies elsewhere, the accounting too, is left alone
// FAULTS_IN     one call in so many fails
// FAULTS_SEED   which ones
// FAULTS_WHILE  a file; faults happen as long as it exists
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static _Atomic uint64_t calls;

static uint64_t mixed(uint64_t value) {
    value += 0x9e3779b97f4a7c15u;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9u;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebu;
    return value ^ (value >> 31);
}

static int fails(int fd) {
    const char *below = getenv("FAULTS_BELOW"), *in = getenv("FAULTS_IN"), *seed = getenv("FAULTS_SEED");
    const char *switch_file = getenv("FAULTS_WHILE");
    if (!below || !in || !seed || !switch_file) return 0;
    int code = errno;
    char link[32], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    int hit = 0;
    if (length > 0) {
        path[length] = 0;
        size_t prefix = strlen(below);
        int is_object = strncmp(path, below, prefix) == 0 &&
                        (strncmp(path + prefix, "/objects/", 9) == 0 || strncmp(path + prefix, "/fills/", 7) == 0);
        hit = is_object && access(switch_file, F_OK) == 0 &&
              mixed(strtoull(seed, 0, 10) + atomic_fetch_add(&calls, 1)) % strtoull(in, 0, 10) == 0;
    }
    errno = hit ? EIO : code;
    return hit;
}

#define NEXT(name, ...) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))(__VA_ARGS__)

ssize_t pread(int fd, void *buffer, size_t count, off_t offset) {
    return fails(fd) ? -1 : NEXT(pread, fd, buffer, count, offset);
}
ssize_t pread64(int fd, void *buffer, size_t count, off64_t offset) {
    return fails(fd) ? -1 : NEXT(pread64, fd, buffer, count, offset);
}
ssize_t preadv2(int fd, const struct iovec *pieces, int count, off_t offset, int flags) {
    return fails(fd) ? -1 : NEXT(preadv2, fd, pieces, count, offset, flags);
}
ssize_t pwrite(int fd, const void *buffer, size_t count, off_t offset) {
    return fails(fd) ? -1 : NEXT(pwrite, fd, buffer, count, offset);
}
ssize_t pwrite64(int fd, const void *buffer, size_t count, off64_t offset) {
    return fails(fd) ? -1 : NEXT(pwrite64, fd, buffer, count, offset);
}
ssize_t sendfile(int to, int from, off_t *offset, size_t count) {
    return fails(from) ? -1 : NEXT(sendfile, to, from, offset, count);
}
ssize_t sendfile64(int to, int from, off64_t *offset, size_t count) {
    return fails(from) ? -1 : NEXT(sendfile64, to, from, offset, count);
}
int fdatasync(int fd) { return fails(fd) ? -1 : NEXT(fdatasync, fd); }
