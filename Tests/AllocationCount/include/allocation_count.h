// Nothing to call: the library works by being preloaded (allocation_count.c).
