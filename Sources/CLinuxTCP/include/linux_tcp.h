// What the relay asks of Linux's TCP, and Swift or SwiftNIO cannot: ioctl is variadic, and <linux/tcp.h> clashes with
// <netinet/tcp.h>.
#pragma once

#include <sys/uio.h>

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

/// Another descriptor of the same socket, closed on exec. Returns the negated errno when there is none.
int linux_duplicate(int descriptor);

/// Closes a descriptor.
void linux_close(int descriptor);

/// Asks for `size` bytes at `start` to be brought into the caches. A hint: the memory may as well be gone already.
static inline void memory_prefetch(const void *_Nonnull start, int size) {
    for (int offset = 0; offset < size; offset += 64) __builtin_prefetch((const char *)start + offset);
}
