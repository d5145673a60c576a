#define _GNU_SOURCE 1
#include "CLinux.h"
#include <linux/fs.h>
#include <linux/openat2.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

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
int clinux_unacknowledged(int fd) {
    int count = 0;
    return ioctl(fd, SIOCOUTQ, &count) == 0 ? count : -1;
}
int clinux_unnamed_file(int dir, unsigned mode) { return openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode); }
int clinux_memory_file(void) { return memfd_create("wadogate", MFD_CLOEXEC); }
int clinux_link_fd(int fd, int to_dir, const char *to) {
    char path[40];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, path, to_dir, to, AT_SYMLINK_FOLLOW);
}
/* Without openat2 (an old kernel, a strict seccomp filter): one component after the other. */
static int open_beneath_by_steps(int dir, const char *path, int flags, unsigned mode) {
    int current = dir;
    for (;;) {
        const char *slash = strchr(path, '/');
        size_t length = slash ? (size_t)(slash - path) : strlen(path);
        char name[256];
        int next = -1;
        if (length == 0 || length >= sizeof name || (length == 2 && memcmp(path, "..", 2) == 0)) {
            errno = length >= sizeof name ? ENAMETOOLONG : EXDEV;
        } else {
            memcpy(name, path, length);
            name[length] = 0;
            next = openat(current, name, slash ? O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC : flags, mode);
        }
        if (current != dir) {
            int code = errno;
            close(current);
            errno = code;
        }
        if (next < 0 || !slash) return next;
        current = next;
        path = slash + 1;
    }
}
int clinux_open_beneath(int dir, const char *path, int flags, unsigned mode) {
    flags |= O_CLOEXEC | O_NOFOLLOW;
    struct open_how how = {.flags = (unsigned)flags, .mode = flags & O_CREAT ? mode : 0,
                           .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS};
    int fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
    if (fd < 0 && (errno == ENOSYS || errno == EPERM)) return open_beneath_by_steps(dir, path, flags, mode);
    return fd;
}
int clinux_noatime(void) { return O_NOATIME; }
int clinux_touch(int fd, long long seconds) {
    struct timespec times[2] = {{.tv_sec = (time_t)seconds}, {.tv_nsec = UTIME_OMIT}};
    return futimens(fd, times);
}
int clinux_reserve(int fd, off_t offset, off_t length) { return fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, length); }
ssize_t clinux_pread_nowait(int fd, void *buffer, size_t length, off_t offset) {
    struct iovec piece = {buffer, length};
    return preadv2(fd, &piece, 1, offset, RWF_NOWAIT);
}
int clinux_terminal_columns(int fd) {
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}
void clinux_lower_io_priority(void) {
    /* IOPRIO_WHO_PROCESS, this thread; IOPRIO_CLASS_IDLE. Best effort: a scheduler may not know priorities. */
    syscall(SYS_ioprio_set, 1, 0, 3 << 13);
}

const int CLINUX_O_PATH = O_PATH;
const unsigned CLINUX_RENAME_NOREPLACE = RENAME_NOREPLACE;
const unsigned CLINUX_RENAME_EXCHANGE = RENAME_EXCHANGE;
