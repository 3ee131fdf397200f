// What Swift's runtime lets be set, and Swift cannot name.
#pragma once

// From here on, no access to memory is checked for exclusivity while the process runs. Before other threads run: nothing else orders
// it. Without effect where a runtime does not have the switch.
void swift_runtime_skip_exclusivity_checks(void);
