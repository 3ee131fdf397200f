// Lets Swift programs run under valgrind, when they are started with this library in LD_PRELOAD.
//
// The main thread of a Swift program waits in sigsuspend, with a signal mask that is a constant of libdispatch. Valgrind up to 3.19
// takes its own signals out of a mask where it lies, and so dies by writing to memory that is read-only. Here the mask is a copy.
#define _GNU_SOURCE
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

int sigsuspend(const sigset_t *mask) {
    sigset_t copy = *mask;
    // The kernel's masks are shorter than glibc's.
    return (int)syscall(SYS_rt_sigsuspend, &copy, _NSIG / 8);
}
