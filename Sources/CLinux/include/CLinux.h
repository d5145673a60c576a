// Linux calls that Swift's Glibc overlay does not import: variadics, macros and GNU extensions. Nothing else belongs here.
// The header must not define _GNU_SOURCE: the compiler would then see two versions of one system header.
#pragma once
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
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
#include <sys/un.h>
#include <unistd.h>

/* open(2) and openat(2), always with O_CLOEXEC. */
int clinux_open(const char *path, int flags, unsigned mode);
int clinux_openat(int dir, const char *path, int flags, unsigned mode);
int clinux_fcntl_int(int fd, int command, int value);
int clinux_errno(void);
void clinux_ignore_sigpipe(void);
void clinux_name_thread(const char *name);
/* accept4(2) with SOCK_NONBLOCK and SOCK_CLOEXEC. */
int clinux_accept(int fd, struct sockaddr *address, socklen_t *length);
int clinux_renameat2(int from_dir, const char *from, int to_dir, const char *to, unsigned flags);
/* Bytes in a socket's send queue that the peer has not acknowledged, or -1 (SIOCOUTQ). */
int clinux_unacknowledged(int fd);
/* An unnamed file in a directory (O_TMPFILE), or -1 where the file system has none. */
int clinux_unnamed_file(int dir, unsigned mode);
/* A file that lies in memory alone (memfd_create(2)). */
int clinux_memory_file(void);
/* Gives an unnamed file its name. */
int clinux_link_fd(int fd, int to_dir, const char *to);
/* Opens a relative path without following a symbolic link in any of its components and without leaving the directory. */
int clinux_open_beneath(int dir, const char *path, int flags, unsigned mode);
/* The flag of open(2) for reading a file without its time of last access being set; for its owner only. */
int clinux_noatime(void);
/* Sets the time of a file's last access, seconds since 1970, and no other. */
int clinux_touch(int fd, long long seconds);
/* Reserves disk space without changing the file's size (fallocate(2)). */
int clinux_reserve(int fd, off_t offset, off_t length);
/* pread(2) that fails with EAGAIN instead of waiting for the disk (preadv2 with RWF_NOWAIT). */
ssize_t clinux_pread_nowait(int fd, void *buffer, size_t length, off_t offset);
/* Columns of a terminal, or 0 where there is none (TIOCGWINSZ). */
int clinux_terminal_columns(int fd);
/* From now on this thread's disk accesses wait for everybody else's (ioprio_set(2), the idle class). */
void clinux_lower_io_priority(void);

extern const int CLINUX_O_PATH;
extern const unsigned CLINUX_RENAME_NOREPLACE;
extern const unsigned CLINUX_RENAME_EXCHANGE;
