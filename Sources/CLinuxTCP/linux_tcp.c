#include "linux_tcp.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

int linux_tcp_unacknowledged(int descriptor) {
    int bytes = 0;
    return ioctl(descriptor, SIOCOUTQ, &bytes) == 0 ? bytes : -1;
}
