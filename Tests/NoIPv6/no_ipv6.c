// A kernel without IPv6, as with ipv6.disable=1, for programs that are started with this library in LD_PRELOAD.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <sys/socket.h>

int socket(int domain, int type, int protocol) {
    if (domain == AF_INET6) {
        errno = EAFNOSUPPORT;
        return -1;
    }
    int (*kernel_socket)(int, int, int) = (int (*)(int, int, int))dlsym(RTLD_NEXT, "socket");
    return kernel_socket(domain, type, protocol);
}
