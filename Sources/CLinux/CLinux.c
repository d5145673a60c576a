#define _GNU_SOURCE 1
#include "CLinux.h"
#include <linux/fs.h>
#include <stdio.h>

int clinux_open(const char *path, int flags, unsigned mode) { return open(path, flags | O_CLOEXEC, mode); }
int clinux_openat(int dir, const char *path, int flags, unsigned mode) {
    return openat(dir, path, flags | O_CLOEXEC, mode);
}
int clinux_fcntl_int(int fd, int command, int value) { return fcntl(fd, command, value); }
int clinux_errno(void) { return errno; }
void clinux_ignore_sigpipe(void) { signal(SIGPIPE, SIG_IGN); }
void clinux_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
int clinux_accept(int fd, struct sockaddr *address, socklen_t *length) {
    return accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
}
int clinux_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    return renameat2(from_dir, from, to_dir, to, flags);
}
int clinux_unnamed_file(int dir, unsigned mode) { return openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode); }
int clinux_link_fd(int fd, int to_dir, const char *to) {
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, path, to_dir, to, AT_SYMLINK_FOLLOW);
}
ssize_t clinux_pread_nowait(int fd, void *buffer, size_t length, off_t offset) {
    struct iovec piece = {buffer, length};
    return preadv2(fd, &piece, 1, offset, RWF_NOWAIT);
}

const int CLINUX_O_PATH = O_PATH;
const unsigned CLINUX_RENAME_NOREPLACE = RENAME_NOREPLACE;
const unsigned CLINUX_RENAME_EXCHANGE = RENAME_EXCHANGE;
