#!/usr/bin/env bash
# Runs tests by the command given as its arguments, and before the runner's last line says how many were skipped, and why: what a
# machine cannot do has not been tested there, and should not look as if it had.
set -uo pipefail
"$@" 2>&1 | awk '
    # Swift Testing ends a run with this line; it stays the last.
    / Test run with [0-9]+ test/ { last = $0; next }
    / skipped(\.|:)/ { skips[count++] = $0 }
    { print; fflush() }
    END {
        printf "%d skipped%s\n", count, (count > 0 ? ":" : "")
        for (number = 0; number < count; number++) print skips[number]
        if (last != "") print last
    }'
exit "${PIPESTATUS[0]}"
