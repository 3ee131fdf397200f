// Nothing to call: the library works by being preloaded (no_ipv6.c).
