// What Linux tells of a TCP connection, and Swift cannot ask for: ioctl is variadic, and <linux/tcp.h> clashes with
// <netinet/tcp.h>.
#pragma once

/// Bytes that were written to the socket and that the peer's kernel has not acknowledged (SIOCOUTQ). A FIN that was sent and not
/// acknowledged counts as one byte. Returns -1 with errno set when the descriptor is no TCP socket.
int linux_tcp_unacknowledged(int descriptor);
