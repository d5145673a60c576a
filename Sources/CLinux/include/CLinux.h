// Linux calls that Swift's Glibc overlay does not import: variadics, macros and GNU extensions. Nothing else belongs here.
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <netdb.h>
#include <pthread.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

static inline int clinux_open(const char *path, int flags, unsigned mode) { return open(path, flags | O_CLOEXEC, mode); }
static inline int clinux_openat(int dir, const char *path, int flags, unsigned mode) {
    return openat(dir, path, flags | O_CLOEXEC, mode);
}
static inline int clinux_fcntl_int(int fd, int command, int value) { return fcntl(fd, command, value); }
static inline int clinux_errno(void) { return errno; }
static inline void clinux_ignore_sigpipe(void) { signal(SIGPIPE, SIG_IGN); }
static inline int clinux_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags) {
    return renameat2(from_dir, from, to_dir, to, flags);
}
static inline void clinux_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }
/* Gives an unnamed (O_TMPFILE) file its name. */
static inline int clinux_link_fd(int fd, int to_dir, const char *to) {
    char proc[40];
    snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, proc, to_dir, to, AT_SYMLINK_FOLLOW);
}
enum {
    CLINUX_O_TMPFILE = O_TMPFILE,
    CLINUX_O_DIRECTORY = O_DIRECTORY,
    CLINUX_O_NOFOLLOW = O_NOFOLLOW,
    CLINUX_O_PATH = O_PATH,
    CLINUX_RWF_NOWAIT = RWF_NOWAIT,
};
