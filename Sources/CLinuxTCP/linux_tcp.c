#define _GNU_SOURCE

#include "linux_tcp.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <malloc.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void store_endpoint(const struct sockaddr_storage *address, struct linux_tcp_endpoint *endpoint) {
    memset(endpoint, 0, sizeof *endpoint);
    if (address->ss_family == AF_INET) {
        const struct sockaddr_in *ipv4 = (const struct sockaddr_in *)address;
        endpoint->low = (uint64_t)0xffff << 32 | ntohl(ipv4->sin_addr.s_addr);
        endpoint->port = ntohs(ipv4->sin_port);
    } else if (address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *ipv6 = (const struct sockaddr_in6 *)address;
        memcpy(&endpoint->high, &ipv6->sin6_addr, 8);
        memcpy(&endpoint->low, (const char *)&ipv6->sin6_addr + 8, 8);
        endpoint->high = be64toh(endpoint->high);
        endpoint->low = be64toh(endpoint->low);
        endpoint->port = ntohs(ipv6->sin6_port);
    }
}

int linux_tcp_accept(int listener, struct linux_tcp_endpoint *peer) {
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof address;
    int descriptor = accept4(listener, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor < 0) return -errno;
    store_endpoint(&address, peer);
    return descriptor;
}

void linux_tcp_local(int descriptor, struct linux_tcp_endpoint *local) {
    struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
    socklen_t size = sizeof address;
    if (getsockname(descriptor, (struct sockaddr *)&address, &size) != 0) address.ss_family = AF_UNSPEC;
    store_endpoint(&address, local);
}

bool linux_tcp_is_listening(int descriptor) {
    return linux_tcp_get(descriptor, SOL_SOCKET, SO_ACCEPTCONN) == 1;
}

int linux_tcp_set(int descriptor, int level, int option, int value) {
    return setsockopt(descriptor, level, option, &value, sizeof value) == 0 ? 0 : -errno;
}

int linux_tcp_get(int descriptor, int level, int option) {
    int value = 0;
    socklen_t size = sizeof value;
    return getsockopt(descriptor, level, option, &value, &size) == 0 ? value : -errno;
}

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

int linux_pipe(int *ends) {
    return pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0 ? 0 : -errno;
}

void linux_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

int linux_duplicate(int descriptor) {
    int duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    return duplicate >= 0 ? duplicate : -errno;
}

void linux_close(int descriptor) { close(descriptor); }

void memory_return_free(void) { malloc_trim(0); }
