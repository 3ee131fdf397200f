// Counts how often a program asks for memory, for programs that are started with this library in LD_PRELOAD. The file named by
// ALLOCATION_COUNT_FILE holds the count, 8 bytes in the machine's byte order, mapped: whoever reads the file reads what it is in
// that moment, and the program does not notice.
//
// Counted is what takes memory: malloc, calloc, realloc, and the aligned ones, under all their names; what Swift and C++ allocate
// comes by these. Memory that goes back was taken before.
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

// glibc's own names of what is hidden here. Not dlsym, which allocates itself.
extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

// Where the count is as long as there is no file: other constructors may run before the one below.
static _Atomic uint64_t unseen;
static _Atomic uint64_t *allocations = &unseen;

__attribute__((constructor)) static void find_file(void) {
    const char *path = getenv("ALLOCATION_COUNT_FILE");
    int file = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) return;
    void *memory = mmap(NULL, sizeof *allocations, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (memory != MAP_FAILED) allocations = memory;
    close(file);
}

static void count(void) { atomic_fetch_add_explicit(allocations, 1, memory_order_relaxed); }

void *malloc(size_t size) {
    count();
    return __libc_malloc(size);
}

void *calloc(size_t elements, size_t size) {
    count();
    return __libc_calloc(elements, size);
}

void *realloc(void *memory, size_t size) {
    count();
    return __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size) {
    count();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
    // What memalign would forgive.
    if (alignment % sizeof(void *) != 0 || alignment == 0 || (alignment & (alignment - 1)) != 0) return EINVAL;
    void *found = memalign(alignment, size);
    if (found == NULL) return ENOMEM;
    *memory = found;
    return 0;
}
