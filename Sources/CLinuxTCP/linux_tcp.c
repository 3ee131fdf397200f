#include "linux_tcp.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

int linux_tcp_unacknowledged(int descriptor) {
    int bytes = 0;
    return ioctl(descriptor, SIOCOUTQ, &bytes) == 0 ? bytes : -1;
}

int linux_tcp_readable(int descriptor) {
    int bytes = 0;
    return ioctl(descriptor, FIONREAD, &bytes) == 0 ? bytes : -1;
}

int linux_tcp_round_trip(int descriptor) {
    struct tcp_info info = {0};
    socklen_t size = sizeof info;
    return getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? (int)info.tcpi_rtt : -1;
}

long linux_tcp_receive(int descriptor, void *bytes, unsigned long size) {
    for (;;) {
        long count = recv(descriptor, bytes, size, MSG_DONTWAIT);
        if (count >= 0) return count;
        if (errno != EINTR) return -errno;
    }
}

void linux_tcp_discard(int descriptor, int limit) {
    char bytes[4096];
    while (limit > 0) {
        long count = recv(descriptor, bytes, sizeof bytes, MSG_DONTWAIT);
        if (count <= 0) return;
        limit -= (int)count;
    }
}

long linux_tcp_send(int descriptor, const struct iovec *vectors, int count) {
    struct msghdr message = {.msg_iov = (struct iovec *)vectors, .msg_iovlen = (size_t)count};
    for (;;) {
        long sent = count == 1 ? send(descriptor, vectors[0].iov_base, vectors[0].iov_len, MSG_NOSIGNAL | MSG_DONTWAIT)
                               : sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) return sent;
        if (errno != EINTR) return -errno;
    }
}

int linux_duplicate(int descriptor) {
    int duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    return duplicate >= 0 ? duplicate : -errno;
}

void linux_close(int descriptor) { close(descriptor); }
