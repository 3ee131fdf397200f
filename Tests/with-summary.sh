#!/usr/bin/env bash
# Runs tests by the command given as its arguments, and before the runner's last line says what failed, and how many were skipped,
# and why: who reads only the end of a long log should see it, and what a machine cannot do has not been tested there.
set -uo pipefail
"$@" 2>&1 | awk '
    # Swift Testing ends a run with this line; it stays the last.
    / Test run with [0-9]+ test/ { last = $0; next }
    / skipped(\.|:)/ { skips[skipped++] = $0 }
    / recorded an issue/ { issues[failed++] = $0 }
    { print; fflush() }
    END {
        for (number = 0; number < failed; number++) print issues[number]
        printf "%d skipped%s\n", skipped, (skipped > 0 ? ":" : "")
        for (number = 0; number < skipped; number++) print skips[number]
        if (last != "") print last
    }'
exit "${PIPESTATUS[0]}"
