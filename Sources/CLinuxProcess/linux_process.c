#define _GNU_SOURCE
#include "linux_process.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

void linux_process_open_standard_descriptors(void) {
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++) {
        if (fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
        // The lowest free number is this one: those below it are open.
        if (open("/dev/null", O_RDWR) >= 0) continue;
        // Without /dev, as in a bare chroot, the write end of a pipe without a reader takes the number and refuses all writes.
        int ends[2];
        if (pipe(ends) != 0) return;
        int other = ends[0] == descriptor ? ends[1] : ends[0];
        if (other > STDERR_FILENO) close(other);
    }
}

void linux_process_mend_limits(void) {
    mode_t mask = umask(0);
    umask(mask & ~(mode_t)S_IRWXU);

    const rlim_t stack = 1 << 20;
    struct rlimit limit;
    if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < stack && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max < stack ? limit.rlim_max : stack;
        setrlimit(RLIMIT_STACK, &limit);
    }
    pthread_attr_t attributes;
    size_t size;
    if (pthread_getattr_default_np(&attributes) != 0) return;
    if (pthread_attr_getstacksize(&attributes, &size) == 0 && size < stack && pthread_attr_setstacksize(&attributes, stack) == 0) {
        pthread_setattr_default_np(&attributes);
    }
    pthread_attr_destroy(&attributes);
}

// One bit for each signal that was received and not returned yet.
static atomic_ulong pending;
static sem_t arrival;

static void record(int number) {
    int error = errno;
    atomic_fetch_or(&pending, 1ul << number);
    sem_post(&arrival);
    errno = error;
}

void linux_signals_catch(void) {
    static const int recorded[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPWR, SIGXCPU, SIGUSR1, SIGUSR2};
    static const int ignored[] = {SIGPIPE, SIGXFSZ, SIGTTIN, SIGTTOU, SIGCHLD};
    sem_init(&arrival, 0, 0);
    struct sigaction action = {.sa_handler = record, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof recorded / sizeof *recorded; i++) sigaction(recorded[i], &action, NULL);
    action.sa_handler = SIG_IGN;
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) sigaction(ignored[i], &action, NULL);
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
}

int linux_signals_wait(void) {
    for (;;) {
        while (sem_wait(&arrival) != 0) continue;
        unsigned long all = atomic_load(&pending);
        if (all == 0) continue;
        int number = __builtin_ctzl(all);
        atomic_fetch_and(&pending, ~(1ul << number));
        // One post may cover several signals whose bits were set before the wait; these have posts of their own.
        return number;
    }
}

int linux_standard_error_failed(void) {
    int failed = ferror(stderr);
    clearerr(stderr);
    return failed;
}
