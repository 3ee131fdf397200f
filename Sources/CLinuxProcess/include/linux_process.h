// Preparation of the state that the process inherits, and reception of signals. In C, because a signal handler may call
// async-signal-safe functions only, and Swift guarantees that for none.
#pragma once

/// Opens /dev/null for each closed descriptor of 0, 1 and 2. Otherwise the next file or socket would get that number, and output
/// would be written into it. Call it before anything is opened.
void linux_process_open_standard_descriptors(void);

/// Adjusts the inherited file mode mask and stack limit. The own user can read and write new files, and threads get at least 1 MiB
/// of stack if the hard limit allows it. Call it before threads are started.
void linux_process_mend_limits(void);

/// Records the signals that end or reload a service, or have no effect on it, instead of letting them end the process. Ignores
/// SIGPIPE and SIGXFSZ, whose system calls fail anyway, and signals of job control for background processes. Unblocks all signals
/// that the parent has blocked. The kernel reaps children that an init process inherits.
void linux_signals_catch(void);

/// Waits for a recorded signal, and returns its number. Signals of one number in quick succession count as one. For one thread
/// only.
int linux_signals_wait(void);

/// Returns whether a write to the stream `stderr` has failed since the last call.
int linux_standard_error_failed(void);
