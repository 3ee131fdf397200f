// A wall clock that tests can set, for programs that are started with this library in LD_PRELOAD: it stands between them and the
// kernel. The file named by FALSE_CLOCK_FILE holds 8 bytes, the seconds that the clock is ahead, in the machine's byte order; a
// change counts at once. The other clocks stay right, as they do when a real wall clock is set.
//
// Not libfaketime: that changes the environment before main, and the Swift runtime, which looks for the arguments in front of the
// environment, then finds none.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static _Atomic int64_t *ahead;
static int (*kernel_clock)(clockid_t, struct timespec *);

__attribute__((constructor)) static void find_clock(void) {
    kernel_clock = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    const char *path = getenv("FALSE_CLOCK_FILE");
    int file = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    void *memory = mmap(NULL, sizeof *ahead, PROT_READ, MAP_SHARED, file, 0);
    if (memory != MAP_FAILED) ahead = memory;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    // Other constructors may run before the one above.
    if (kernel_clock == NULL) find_clock();
    int status = kernel_clock(clock, now);
    if (status == 0 && ahead != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) {
        now->tv_sec += atomic_load(ahead);
    }
    return status;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    (void)zone;
    struct timespec time;
    if (clock_gettime(CLOCK_REALTIME, &time) != 0) return -1;
    now->tv_sec = time.tv_sec;
    now->tv_usec = time.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *now) {
    struct timespec time;
    if (clock_gettime(CLOCK_REALTIME, &time) != 0) return -1;
    if (now != NULL) *now = time.tv_sec;
    return time.tv_sec;
}
