#define _GNU_SOURCE
#include "shim.h"

#include <fcntl.h>

int ttms_reserve(int file, int64_t bytes) { return fallocate(file, FALLOC_FL_KEEP_SIZE, 0, bytes); }
