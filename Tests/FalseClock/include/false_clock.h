// Nothing to call: the library works by being preloaded (false_clock.c).
