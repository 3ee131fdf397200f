// A setting of Swift's runtime that Swift code cannot name.
#pragma once

// Switches the checks of exclusive access to memory off for the rest of the process. Call it before other threads run, because
// nothing else orders it. No effect on runtimes without the switch.
void swift_runtime_skip_exclusivity_checks(void);
