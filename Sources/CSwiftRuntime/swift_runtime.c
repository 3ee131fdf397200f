#include "swift_runtime.h"

#include <stdbool.h>
#include <stddef.h>

// Exported by libswiftCore for tools such as debuggers. Weak, because another release of it may lack the symbol.
extern bool _swift_disableExclusivityChecking __attribute__((weak));

void swift_runtime_skip_exclusivity_checks(void) {
    if (&_swift_disableExclusivityChecking != NULL) _swift_disableExclusivityChecking = true;
}
