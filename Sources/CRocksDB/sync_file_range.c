#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>

// Replaces the C library's function for the whole program.
//
// RocksDB calls it once for each file that it opens, to find out whether the file system has it, and Debian's build ends the process by an
// assertion when that fails with another error than ENOSYS: a seccomp filter that refuses it, or a disk that fails while the store is opened
// anew, would be the end of the relay. RocksDB uses it for nothing else here, since `bytes_per_sync` is off: data is synced by fdatasync.
int sync_file_range(int file, off64_t offset, off64_t count, unsigned int flags) {
    (void)file;
    (void)offset;
    (void)count;
    (void)flags;
    errno = ENOSYS;
    return -1;
}
