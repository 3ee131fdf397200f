#define _GNU_SOURCE
#include "account.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096 };

static struct object *objects;
static unsigned last_number;

char disk[PATH];
char durable[PATH];
dev_t device;
unsigned write_back;
uint64_t dice = 1;

void fail(const char *what, const char *path) {
    dprintf(STDERR_FILENO, "power cut: %s %s: %s\n", what, path, strerror(errno));
    _exit(125);
}

int real_open(int at, const char *path, int flags, mode_t mode) {
    return (int)syscall(SYS_openat, at, path, flags, mode);
}
void real_close(int descriptor) { syscall(SYS_close, descriptor); }
ssize_t real_pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    return syscall(SYS_pwrite64, descriptor, bytes, count, offset);
}

// MARK: Objects

struct object *find(ino_t inode) {
    for (struct object *object = objects; object; object = object->next)
        if (object->inode == inode) return object;
    return NULL;
}

struct object *find_or_add(ino_t inode) {
    struct object *object = find(inode);
    if (object) return object;
    object = calloc(1, sizeof *object);
    if (!object) fail("no memory for", disk);
    // Whatever it holds already was written unseen.
    *object = (struct object){.next = objects, .number = ++last_number, .inode = inode, .dirty_to = INT64_MAX};
    objects = object;
    return object;
}

void mark_dirty(struct object *object, off_t from, off_t to) {
    if (object->dirty_from == object->dirty_to) {
        object->dirty_from = from;
        object->dirty_to = to;
        return;
    }
    if (from < object->dirty_from) object->dirty_from = from;
    if (to > object->dirty_to) object->dirty_to = to;
}

/// Opens a file of the account.
static int open_account(unsigned number, const char *suffix, int flags) {
    char path[PATH + 32];
    snprintf(path, sizeof path, "%s/%u%s", durable, number, suffix);
    int file = real_open(AT_FDCWD, path, flags | O_CLOEXEC, 0600);
    if (file < 0) fail("opening", path);
    return file;
}

// MARK: What becomes durable

/// Makes a part of a file durable, as it is now.
///
/// - Parameter whole: whether the file's size is then durable, too; otherwise it only grows as far as needed.
static void keep_content(int descriptor, struct object *object, off_t from, off_t to, bool whole) {
    char name[64];
    // The program may have opened it for writing only.
    snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
    int source = real_open(AT_FDCWD, name, O_RDONLY | O_CLOEXEC, 0);
    struct stat status;
    if (source < 0 || fstat(source, &status) != 0) fail("reading", name);
    int target = open_account(object->number, "", O_WRONLY | O_CREAT);
    if (to > status.st_size) to = status.st_size;
    static char buffer[1 << 18];
    while (from < to) {
        size_t wanted = to - from < (off_t)sizeof buffer ? (size_t)(to - from) : sizeof buffer;
        ssize_t count = pread(source, buffer, wanted, from);
        if (count < 0) fail("reading", name);
        if (count == 0) break;
        if (real_pwrite(target, buffer, (size_t)count, from) != count) fail("writing", durable);
        from += count;
    }
    if (whole && syscall(SYS_ftruncate, target, status.st_size) != 0) fail("writing", durable);
    real_close(source);
    real_close(target);
}

/// Makes the names in a directory durable, as they are now, all at once.
static void keep_names(int descriptor, struct object *object) {
    int listing = real_open(descriptor, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    DIR *directory = listing < 0 ? NULL : fdopendir(listing);
    if (!directory) fail("listing a directory of", disk);
    int target = open_account(object->number, ".new", O_WRONLY | O_CREAT | O_TRUNC);
    FILE *lines = fdopen(target, "w");
    if (!lines) fail("writing", durable);
    struct dirent *entry;
    while ((entry = readdir(directory))) {
        struct stat status;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (fstatat(listing, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
        if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) continue;
        struct object *child = find_or_add(status.st_ino);
        fprintf(lines, "%u %o %s\n", child->number, status.st_mode, entry->d_name);
    }
    closedir(directory);
    if (fclose(lines) != 0) fail("writing", durable);
    char from[PATH + 32], to[PATH + 32];
    snprintf(from, sizeof from, "%s/%u.new", durable, object->number);
    snprintf(to, sizeof to, "%s/%u.dir", durable, object->number);
    if (syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0) != 0) fail("writing", to);
}

void keep(int descriptor, struct object *object, mode_t mode) {
    if (S_ISDIR(mode)) return keep_names(descriptor, object);
    keep_content(descriptor, object, object->dirty_from, object->dirty_to, true);
    object->dirty_from = object->dirty_to = 0;
}

void keep_all(int directory, struct object *object) {
    keep_names(directory, object);
    int listing = real_open(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    DIR *entries = listing < 0 ? NULL : fdopendir(listing);
    if (!entries) fail("listing a directory of", disk);
    struct dirent *entry;
    while ((entry = readdir(entries))) {
        struct stat status;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (fstatat(listing, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) fail("reading", entry->d_name);
        if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) continue;
        int child = real_open(listing, entry->d_name, O_RDONLY | O_CLOEXEC, 0);
        if (child < 0) fail("opening", entry->d_name);
        if (S_ISDIR(status.st_mode)) keep_all(child, find_or_add(status.st_ino));
        else keep(child, find_or_add(status.st_ino), status.st_mode);
        real_close(child);
    }
    closedir(entries);
}

// MARK: What becomes durable unasked

/// - Returns: whether the kernel happens to write something back now (xorshift64*).
static bool is_written_back(void) {
    if (write_back == 0) return false;
    dice ^= dice >> 12;
    dice ^= dice << 25;
    dice ^= dice >> 27;
    return (dice * 0x2545F4914F6CDD1DULL >> 32) % 100 < write_back;
}

void write_back_pages(int descriptor, struct object *object, off_t from, off_t to) {
    for (off_t page = from & ~(off_t)(PAGE - 1); page < to; page += PAGE)
        if (is_written_back()) keep_content(descriptor, object, page, page + PAGE, false);
}

void write_back_names(int at, const char *path) {
    if (!is_written_back()) return;
    char directory[PATH];
    const char *slash = strrchr(path, '/');
    if (!slash) snprintf(directory, sizeof directory, ".");
    else snprintf(directory, sizeof directory, "%.*s", slash == path ? 1 : (int)(slash - path), path);
    int descriptor = real_open(at, directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
    if (descriptor < 0) return;
    struct stat status;
    struct object *object = fstat(descriptor, &status) == 0 && status.st_dev == device ? find(status.st_ino) : NULL;
    if (object) keep_names(descriptor, object);
    real_close(descriptor);
}
