// Calls of Linux's TCP that Swift and SwiftNIO cannot make: ioctl is variadic, and <linux/tcp.h> clashes with <netinet/tcp.h>.
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

/// Endpoint of a TCP connection. An IPv4 address is in its mapped form (::ffff:0:0/96).
struct linux_tcp_endpoint {
    /// First and last 64 bits of the address, in the machine's byte order.
    uint64_t high, low;
    uint16_t port;
};

/// Accepts a connection, non-blocking and closed on exec, and stores the peer's address at that time, which a socket loses when it
/// is reset. Returns the negated errno when there is no connection.
int linux_tcp_accept(int listener, struct linux_tcp_endpoint *_Nonnull peer);

/// Stores the socket's own address; all zeros when the kernel does not give it.
void linux_tcp_local(int descriptor, struct linux_tcp_endpoint *_Nonnull local);

/// Returns whether the descriptor is a listening socket (SO_ACCEPTCONN).
bool linux_tcp_is_listening(int descriptor);

/// Sets an option whose value is an int. Returns 0, or the negated errno.
int linux_tcp_set(int descriptor, int level, int option, int value);

/// Returns an option whose value is an int, or the negated errno.
int linux_tcp_get(int descriptor, int level, int option);

/// Returns the bytes written to the socket that the peer's kernel has not acknowledged (SIOCOUTQ). An unacknowledged FIN counts as
/// one byte. Returns -1 with errno set when the descriptor is no TCP socket.
int linux_tcp_unacknowledged(int descriptor);

/// Returns the bytes that have arrived and have not been read (FIONREAD), or -1 with errno set when the descriptor is no socket.
int linux_tcp_readable(int descriptor);

/// Reads at most `size` bytes without waiting. Returns the bytes read, 0 at the end of the input, or the negated errno.
long linux_tcp_receive(int descriptor, void *_Nonnull bytes, unsigned long size);

/// Reads and discards at most `limit` bytes that have arrived. Closing a socket with unread bytes sends a reset, after which the
/// peer can lose the last bytes written to it.
void linux_tcp_discard(int descriptor, int limit);

/// Returns the kernel's smoothed round trip of the connection in microseconds (TCP_INFO), or 0 while it is unknown. Returns -1 with
/// errno set when the descriptor is no TCP socket.
int linux_tcp_round_trip(int descriptor);

/// Writes as much of the vectors as the socket takes, without SIGPIPE. Returns the bytes taken, or the negated errno.
long linux_tcp_send(int descriptor, const struct iovec *_Nonnull vectors, int count);

/// Makes a pipe, non-blocking and closed on exec: `ends[0]` is read from, `ends[1]` is written to. Returns 0, or the negated errno.
int linux_pipe(int *_Nonnull ends);

/// Names the calling thread, for `top -H`; at most 15 bytes.
void linux_name_thread(const char *_Nonnull name);

/// Returns another descriptor of the same socket, closed on exec, or the negated errno.
int linux_duplicate(int descriptor);

/// Closes a descriptor.
void linux_close(int descriptor);

/// Returns freed memory to the system. Takes milliseconds.
void memory_return_free(void);

/// Prefetches `size` bytes at `start` into the caches. Only a hint: the memory may have been freed already.
static inline void memory_prefetch(const void *_Nonnull start, int size) {
    for (int offset = 0; offset < size; offset += 64) __builtin_prefetch((const char *)start + offset);
}
