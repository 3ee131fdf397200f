#!/usr/bin/env bash
# Runs tests by the command given as its arguments, and before the runner's last line says what failed, and how many were skipped,
# and why: who reads only the end of a long log should see it, and what a machine cannot do has not been tested there.
#
# A run that does not end is ended after TEST_LIMIT (as timeout takes it; 0 for none), with the names of the tests that had not
# ended by then. The longest run takes 12.5 minutes on two cores that have nothing else to do.
set -uo pipefail
timeout --kill-after=10 "${TEST_LIMIT:-40m}" "$@" 2>&1 | awk '
    # Swift Testing ends a run with this line; it stays the last.
    / Test run with [0-9]+ test/ { last = $0; next }
    / skipped(\.|:)/ { skips[skipped++] = $0 }
    / recorded an issue/ { issues[failed++] = $0 }
    /^[^ ]+ +Test .* (started\.|passed after|failed after)/ && !/^[^ ]+ +Test (run|case) / {
        name = $0
        sub(/^[^ ]+ +Test /, "", name)
        running[name] += sub(/ started\.$/, "", name) ? 1 : 0
        running[name] -= sub(/ (passed|failed) after .*$/, "", name) ? 1 : 0
    }
    { print; fflush() }
    END {
        for (number = 0; number < failed; number++) print issues[number]
        if (last == "") for (name in running) if (running[name] > 0) print "not ended: " name
        printf "%d skipped%s\n", skipped, (skipped > 0 ? ":" : "")
        for (number = 0; number < skipped; number++) print skips[number]
        if (last != "") print last
    }'
status="${PIPESTATUS[0]}"
[ "$status" -ne 124 ] || echo "The tests have not ended in ${TEST_LIMIT:-40m}, and were ended." >&2
exit "$status"
