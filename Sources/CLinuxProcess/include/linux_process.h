// What the process has from whoever started it, made fit to work with, and the signals that it is sent. In C, because a signal handler
// may call only what is async-signal-safe, and Swift promises that of nothing.
#pragma once

/// Opens /dev/null for each of the descriptors 0, 1 and 2 that is closed. Otherwise the next file or socket would get that number, and
/// whatever is printed would be written into it. To be called before anything is opened.
void linux_process_open_standard_descriptors(void);

/// Makes the inherited file mode mask and stack limit usable: files that the process makes can be read and written by its own user,
/// and threads get at least 1 MiB of stack where the hard limit allows it. To be called before threads are started.
void linux_process_mend_limits(void);

/// Records the signals that end, reload or mean nothing to a service, instead of letting them end the process; ignores those that only
/// say what a failed system call says too (SIGPIPE, SIGXFSZ) and those of a terminal's job control for background processes; and
/// unblocks all that the parent has blocked. Children that an init process inherits are reaped by the kernel.
void linux_signals_catch(void);

/// Waits for a recorded signal, and returns its number. Signals of one number that come in quick succession count as one. For one thread.
int linux_signals_wait(void);

/// Whether a write to the stream `stderr` has failed since the last call.
int linux_standard_error_failed(void);
