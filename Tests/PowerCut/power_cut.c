// A disk that forgets at a power cut what was not synced.
//
// Preloaded into a program, this library watches its calls for files under one directory, the disk, and keeps a second account of
// it, the durable one. A kill -9 then stands for the power cut: the durable account is what the disk would hold. It is the
// strictest that POSIX allows, not the mildest that one file system happens to do:
//
//   - Content and size of a file become durable by fsync or fdatasync of the file, and by nothing else: sync_file_range does not
//     promise it.
//   - A name (made, renamed, removed) becomes durable by fsync of its directory, and by nothing else. ext4 also keeps the name of
//     a new file that is itself synced; a program that relies on that loses files elsewhere.
//   - In addition, with POWER_CUT_WRITE_BACK, anything not synced may become durable all the same, page by page and directory by
//     directory, in any order: later pages without earlier ones (which then read as zeros), names without their content.
//
// The account (account.c), in POWER_CUT_DURABLE: every file and directory has a number; `<number>` holds the content of a file, `<number>.dir`
// that of a directory, as lines of number, mode in octal, and name. The disk itself is number 1. Objects are not removed: an
// account lives from one start to one cut. What is on the disk when the program starts is durable.
//
// All of the state belongs to one lock. A slot of `opened` is also read without it, so that sockets cost one load.

#define _GNU_SOURCE
#include "power_cut.h"
#include "account.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { DESCRIPTORS = 1 << 16 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct object *_Atomic opened[DESCRIPTORS];
static long syncs_to_cut = -1;
static bool lies;

// MARK: Start

__attribute__((constructor)) static void start(void) {
    const char *disk_path = getenv(POWER_CUT_DISK), *durable_path = getenv(POWER_CUT_DURABLE);
    if (!disk_path || !durable_path) return;
    if (!realpath(durable_path, durable)) fail("opening", durable_path);
    char path[PATH];
    if (!realpath(disk_path, path)) fail("opening", disk_path);
    int root = real_open(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    struct stat status;
    if (root < 0 || fstat(root, &status) != 0) fail("opening", path);
    device = status.st_dev;
    keep_all(root, find_or_add(status.st_ino));
    real_close(root);

    const char *text;
    if ((text = getenv(POWER_CUT_WRITE_BACK))) write_back = (unsigned)strtoul(text, NULL, 10);
    if ((text = getenv(POWER_CUT_SEED))) dice = strtoull(text, NULL, 10) * 2 + 1;
    if ((text = getenv(POWER_CUT_AT_SYNC))) syncs_to_cut = strtol(text, NULL, 10);
    lies = getenv(POWER_CUT_LYING_DISK) != NULL;
    memcpy(disk, path, sizeof disk);
}

// MARK: Descriptors

static struct object *object_of(int descriptor) {
    return descriptor >= 0 && descriptor < DESCRIPTORS ? atomic_load_explicit(&opened[descriptor], memory_order_acquire) : NULL;
}

static void set_object(int descriptor, struct object *object) {
    if (descriptor >= DESCRIPTORS) fail("a descriptor is too high for", disk);
    atomic_store_explicit(&opened[descriptor], object, memory_order_release);
}

/// - Returns: the object behind a descriptor that was opened by whatever means; `NULL` when it is not on the disk.
static struct object *resolve(int descriptor, struct stat *status) {
    if (!disk[0] || fstat(descriptor, status) != 0 || status->st_dev != device) return NULL;
    if (!S_ISREG(status->st_mode) && !S_ISDIR(status->st_mode)) return NULL;
    // Without a name it is gone after the cut, and its inode may be another's by now.
    if (status->st_nlink == 0) return NULL;
    char name[64], path[PATH];
    snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(name, path, sizeof path - 1);
    size_t prefix = strlen(disk);
    if (length < (ssize_t)prefix || memcmp(path, disk, prefix) != 0) return NULL;
    if ((size_t)length > prefix && path[prefix] != '/') return NULL;
    return find_or_add(status->st_ino);
}

static int note_opened(int descriptor, int at, const char *path, int flags) {
    if (descriptor < 0 || !disk[0]) return descriptor;
    int error = errno;
    pthread_mutex_lock(&lock);
    struct stat status;
    struct object *object = resolve(descriptor, &status);
    set_object(descriptor, object);
    if (object && flags & O_TRUNC) mark_dirty(object, 0, INT64_MAX);
    if (object && flags & O_CREAT) write_back_names(at, path);
    pthread_mutex_unlock(&lock);
    errno = error;
    return descriptor;
}

static int open_with(int at, const char *path, int flags, va_list arguments) {
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(arguments, mode_t) : 0;
    return note_opened(real_open(at, path, flags, mode), at, path, flags);
}

int open(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    int descriptor = open_with(AT_FDCWD, path, flags, arguments);
    va_end(arguments);
    return descriptor;
}

int open64(const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    int descriptor = open_with(AT_FDCWD, path, flags, arguments);
    va_end(arguments);
    return descriptor;
}

int openat(int at, const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    int descriptor = open_with(at, path, flags, arguments);
    va_end(arguments);
    return descriptor;
}

int openat64(int at, const char *path, int flags, ...) {
    va_list arguments;
    va_start(arguments, flags);
    int descriptor = open_with(at, path, flags, arguments);
    va_end(arguments);
    return descriptor;
}

int creat(const char *path, mode_t mode) { return open(path, O_WRONLY | O_CREAT | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int close(int descriptor) {
    // Before, because afterwards the number may be another thread's.
    if (object_of(descriptor)) set_object(descriptor, NULL);
    return (int)syscall(SYS_close, descriptor);
}

// MARK: Writing

static void note_written(int descriptor, ssize_t count, off_t offset) {
    struct object *object = object_of(descriptor);
    if (!object || count <= 0) return;
    int error = errno;
    pthread_mutex_lock(&lock);
    if (offset < 0) offset = lseek(descriptor, 0, SEEK_CUR) - count;
    if (offset >= 0) {
        mark_dirty(object, offset, offset + count);
        write_back_pages(descriptor, object, offset, offset + count);
    } else {
        // No file: stdio has closed the one that had the number before.
        set_object(descriptor, NULL);
    }
    pthread_mutex_unlock(&lock);
    errno = error;
}

ssize_t write(int descriptor, const void *bytes, size_t count) {
    ssize_t written = syscall(SYS_write, descriptor, bytes, count);
    note_written(descriptor, written, -1);
    return written;
}

ssize_t writev(int descriptor, const struct iovec *vectors, int count) {
    ssize_t written = syscall(SYS_writev, descriptor, vectors, count);
    note_written(descriptor, written, -1);
    return written;
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    ssize_t written = real_pwrite(descriptor, bytes, count, offset);
    note_written(descriptor, written, offset);
    return written;
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off_t offset) {
    return pwrite(descriptor, bytes, count, offset);
}

int ftruncate(int descriptor, off_t size) {
    int result = (int)syscall(SYS_ftruncate, descriptor, size);
    struct object *object = object_of(descriptor);
    if (result == 0 && object) {
        pthread_mutex_lock(&lock);
        mark_dirty(object, size, INT64_MAX);
        pthread_mutex_unlock(&lock);
    }
    return result;
}

int ftruncate64(int descriptor, off_t size) { return ftruncate(descriptor, size); }

int fallocate(int descriptor, int mode, off_t offset, off_t count) {
    int result = (int)syscall(SYS_fallocate, descriptor, mode, offset, count);
    struct object *object = object_of(descriptor);
    if (result == 0 && object) {
        pthread_mutex_lock(&lock);
        mark_dirty(object, offset, INT64_MAX);
        pthread_mutex_unlock(&lock);
    }
    return result;
}

int fallocate64(int descriptor, int mode, off_t offset, off_t count) { return fallocate(descriptor, mode, offset, count); }

void *mmap(void *address, size_t count, int protection, int flags, int descriptor, off_t offset) {
    // Writes that no call tells of. A test that believed them lost, or kept, would prove nothing.
    if (protection & PROT_WRITE && !(flags & (MAP_PRIVATE | MAP_ANONYMOUS)) && object_of(descriptor)) {
        errno = ENOTSUP;
        fail("a shared mapping is written to on", disk);
    }
    return (void *)syscall(SYS_mmap, address, count, protection, flags, descriptor, offset);
}

void *mmap64(void *address, size_t count, int protection, int flags, int descriptor, off_t offset) {
    return mmap(address, count, protection, flags, descriptor, offset);
}

// MARK: Names

/// - Returns: the object that loses its last name when `path` is removed or replaced; `NULL` when there is none.
static struct object *last_name(int at, const char *path) {
    struct stat status;
    if (!disk[0] || fstatat(at, path, &status, AT_SYMLINK_NOFOLLOW) != 0 || status.st_dev != device) return NULL;
    return S_ISDIR(status.st_mode) || status.st_nlink == 1 ? find(status.st_ino) : NULL;
}

static int rename_at(int at, const char *path, int new_at, const char *new_path, unsigned flags) {
    pthread_mutex_lock(&lock);
    struct object *replaced = last_name(new_at, new_path);
    int result = (int)syscall(SYS_renameat2, at, path, new_at, new_path, flags);
    if (result == 0 && disk[0]) {
        if (replaced) replaced->inode = 0;
        write_back_names(at, path);
        write_back_names(new_at, new_path);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int rename(const char *path, const char *new_path) { return rename_at(AT_FDCWD, path, AT_FDCWD, new_path, 0); }
int renameat(int at, const char *path, int new_at, const char *new_path) {
    return rename_at(at, path, new_at, new_path, 0);
}
int renameat2(int at, const char *path, int new_at, const char *new_path, unsigned flags) {
    return rename_at(at, path, new_at, new_path, flags);
}

int unlinkat(int at, const char *path, int flags) {
    pthread_mutex_lock(&lock);
    struct object *removed = last_name(at, path);
    int result = (int)syscall(SYS_unlinkat, at, path, flags);
    if (result == 0 && removed) {
        removed->inode = 0;
        write_back_names(at, path);
    }
    pthread_mutex_unlock(&lock);
    return result;
}

int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

// MARK: Syncing

static int sync_by(long call, int descriptor) {
    struct stat status;
    pthread_mutex_lock(&lock);
    struct object *object = resolve(descriptor, &status);
    if (object && --syncs_to_cut == 0) kill(getpid(), SIGKILL);
    pthread_mutex_unlock(&lock);
    // The real call stays: it takes its time, in which other threads go on, and it can fail.
    int result = (int)syscall(call, descriptor);
    if (result != 0 || !object || lies) return result;
    pthread_mutex_lock(&lock);
    object = resolve(descriptor, &status);
    if (object) keep(descriptor, object, status.st_mode);
    pthread_mutex_unlock(&lock);
    return result;
}

int fsync(int descriptor) { return sync_by(SYS_fsync, descriptor); }
int fdatasync(int descriptor) { return sync_by(SYS_fdatasync, descriptor); }
