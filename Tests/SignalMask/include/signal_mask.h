// Nothing to call: the library works by being preloaded (signal_mask.c).
