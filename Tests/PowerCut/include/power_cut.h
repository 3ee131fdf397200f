// The names of the environment variables that tell the library what to do. It is preloaded (LD_PRELOAD) into a program, never
// linked to one: see power_cut.c.
#pragma once

/// The directory that stands for the disk. What lies elsewhere is let alone.
#define POWER_CUT_DISK "POWER_CUT_DISK"
/// Where the library writes what would survive: an empty directory that is not on the disk.
#define POWER_CUT_DURABLE "POWER_CUT_DURABLE"
/// Percent of the pages and directories that reach the disk at once, unasked, as a kernel is free to have it. Default 0.
#define POWER_CUT_WRITE_BACK "POWER_CUT_WRITE_BACK"
/// Where the choice of those begins. Default 1.
#define POWER_CUT_SEED "POWER_CUT_SEED"
/// The power is cut when the program asks for its n-th sync, counted from 1. Default: somebody else cuts it.
#define POWER_CUT_AT_SYNC "POWER_CUT_AT_SYNC"
/// When set, the disk lies: a sync succeeds and does nothing.
#define POWER_CUT_LYING_DISK "POWER_CUT_LYING_DISK"
