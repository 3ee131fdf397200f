// For POLLRDHUP.
#define _GNU_SOURCE
#include "client_socket.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

bool ttms_read_traffic(int descriptor, ttms_traffic *traffic) {
    struct tcp_info info;
    socklen_t size = sizeof info;
    int outstanding = 0;
    if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
    // Kernels before 4.1 do not count them.
    if (size < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received) return false;
    if (ioctl(descriptor, SIOCOUTQ, &outstanding) != 0) outstanding = 0;
    *traffic = (ttms_traffic){info.tcpi_bytes_received, info.tcpi_bytes_acked, outstanding > 0};
    return true;
}

static short events_of(int descriptor, short events) {
    struct pollfd connection = {.fd = descriptor, .events = events};
    return poll(&connection, 1, 0) == 1 ? connection.revents : 0;
}

bool ttms_has_ended(int descriptor) { return (events_of(descriptor, POLLRDHUP) & POLLRDHUP) != 0; }

bool ttms_is_broken(int descriptor) { return (events_of(descriptor, 0) & (POLLHUP | POLLERR)) != 0; }
