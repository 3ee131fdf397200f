// The account of what is durable (power_cut.c): its files, and what writes them. To be used under the lock only, or at the start.
#pragma once

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

// Preloaded, the library would give these names to the whole program.
#pragma GCC visibility push(hidden)

enum { PATH = 4096 };

/// A file or directory on the disk.
struct object {
    struct object *next;
    unsigned number;
    /// Its inode; 0 when its last name is gone, and the file system may give the number to another.
    ino_t inode;
    /// All that was written since the last sync lies in between. What else lies there is durable, and copied without harm.
    off_t dirty_from, dirty_to;
};

/// Without links and without a slash at its end; empty while the library does nothing.
extern char disk[PATH];
extern char durable[PATH];
/// What the disk lies on.
extern dev_t device;
/// Percent of what is written that becomes durable unasked, and the dice that decide which; never 0.
extern unsigned write_back;
extern uint64_t dice;

/// Ends the program: its test would prove nothing any more.
_Noreturn void fail(const char *what, const char *path);

// The calls themselves, which the library's own names hide.
int real_open(int at, const char *path, int flags, mode_t mode);
void real_close(int descriptor);
ssize_t real_pwrite(int descriptor, const void *bytes, size_t count, off_t offset);

/// - Returns: the object with this inode; `NULL` when there is none.
struct object *find(ino_t inode);
/// - Returns: the object with this inode; a new one, of which nothing is durable, when there is none.
struct object *find_or_add(ino_t inode);
/// A part of a file has been written.
void mark_dirty(struct object *object, off_t from, off_t to);
/// Makes a file or directory durable, as it is now.
void keep(int descriptor, struct object *object, mode_t mode);
/// Takes what is on the disk at the start for durable.
void keep_all(int directory, struct object *object);
/// Pages of a file that were written may become durable unasked.
void write_back_pages(int descriptor, struct object *object, off_t from, off_t to);
/// The directory in which a name was changed may be written back.
void write_back_names(int at, const char *path);

#pragma GCC visibility pop
