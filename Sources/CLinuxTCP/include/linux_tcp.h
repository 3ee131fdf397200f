// What the relay asks of Linux's TCP, and Swift or SwiftNIO cannot: ioctl is variadic, and <linux/tcp.h> clashes with
// <netinet/tcp.h>.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

/// One end of a TCP connection. An IPv4 address is in its mapped form (::ffff:0:0/96).
struct linux_tcp_endpoint {
    /// The address's first and last 64 bits, in the machine's byte order.
    uint64_t high, low;
    uint16_t port;
};

/// Accepts a connection, not blocking and closed on exec, and stores the peer's address as the kernel had it then: a socket that has
/// been reset has none any more. Returns the negated errno when there is no connection.
int linux_tcp_accept(int listener, struct linux_tcp_endpoint *_Nonnull peer);

/// Stores the socket's own address; all zeros when the kernel does not give it.
void linux_tcp_local(int descriptor, struct linux_tcp_endpoint *_Nonnull local);

/// Whether the descriptor is a socket that listens (SO_ACCEPTCONN).
bool linux_tcp_is_listening(int descriptor);

/// Sets an option whose value is an int. Returns 0, or the negated errno.
int linux_tcp_set(int descriptor, int level, int option, int value);

/// Returns an option whose value is an int, or the negated errno.
int linux_tcp_get(int descriptor, int level, int option);

/// Bytes that were written to the socket and that the peer's kernel has not acknowledged (SIOCOUTQ). A FIN that was sent and not
/// acknowledged counts as one byte. Returns -1 with errno set when the descriptor is no TCP socket.
int linux_tcp_unacknowledged(int descriptor);

/// Bytes that have arrived and have not been read (FIONREAD). Returns -1 with errno set when the descriptor is no socket.
int linux_tcp_readable(int descriptor);

/// Reads at most `size` bytes without waiting. Returns the bytes read, 0 at the end of the input, or the negated errno.
long linux_tcp_receive(int descriptor, void *_Nonnull bytes, unsigned long size);

/// Reads and forgets at most `limit` bytes that have arrived. Closing a socket with unread bytes sends a reset, which can take
/// from the peer what was written to it last.
void linux_tcp_discard(int descriptor, int limit);

/// The kernel's smoothed round trip of the connection in microseconds (TCP_INFO); 0 while it has none. Returns -1 with errno set when
/// the descriptor is no TCP socket.
int linux_tcp_round_trip(int descriptor);

/// Writes as much of the vectors as the socket takes, without SIGPIPE. Returns the bytes taken, or the negated errno.
long linux_tcp_send(int descriptor, const struct iovec *_Nonnull vectors, int count);

/// Makes a pipe, not blocking and closed on exec: `ends[0]` is read from, `ends[1]` is written to. Returns 0, or the negated errno.
int linux_pipe(int *_Nonnull ends);

/// Names the calling thread, as `top -H` shows it; at most 15 bytes.
void linux_name_thread(const char *_Nonnull name);

/// Another descriptor of the same socket, closed on exec. Returns the negated errno when there is none.
int linux_duplicate(int descriptor);

/// Closes a descriptor.
void linux_close(int descriptor);

/// Returns freed memory to the system. Takes milliseconds.
void memory_return_free(void);

/// Asks for `size` bytes at `start` to be brought into the caches. A hint: the memory may as well be gone already.
static inline void memory_prefetch(const void *_Nonnull start, int size) {
    for (int offset = 0; offset < size; offset += 64) __builtin_prefetch((const char *)start + offset);
}
