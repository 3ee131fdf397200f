#!/usr/bin/env bash
# Sends requests that the OpenAPI document allows, and many that it does not, to a relay of the debug build, and checks every answer
# against the document. The seed is fixed, so that the same commit has the same result; for more requests:
#
#   FUZZ_SEED=$RANDOM FUZZ_EXAMPLES=500 openapi/fuzz.sh
set -euo pipefail
cd "$(dirname "$0")/.."

release=4.32.5
root=$PWD
build=$root/.build/debug
environment=$root/.build/fuzz-venv
if ! "$environment/bin/python" -c 'import schemathesis' 2>/dev/null; then
    echo "Installing schemathesis $release into $environment"
    python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$release"
fi

# Runs in a directory of its own, because the fuzzer leaves files there.
directory=$(mktemp --directory)
cd "$directory"
"$build/ttms-relayd" --listen 127.0.0.1:0 --admin 127.0.0.1:0 --data-dir data >log 2>&1 &
relay=$!
terminal=
finish() {
    [[ -z $terminal ]] || kill "$terminal" 2>/dev/null || true
    kill "$relay" 2>/dev/null || true
    wait
    rm -rf "$directory"
}
trap finish EXIT

for _ in {1..300}; do
    [[ ! -e data/endpoints.json ]] || break
    kill -0 "$relay" 2>/dev/null || { cat log >&2; exit 1; }
    sleep 0.1
done
url=$(python3 -c 'import json; print(json.load(open("data/endpoints.json"))["admin"])')

# The terminal of the examples, which connects again after a kick.
while "$build/ttmsctl" simulate 0000002a --data-dir data || kill -0 "$relay"; do sleep 0.2; done >/dev/null 2>&1 &
terminal=$!

export SCHEMATHESIS_HOOKS=fuzz PYTHONPATH=$root/openapi PYTHONDONTWRITEBYTECODE=1
status=0
"$environment/bin/st" --config-file "$root/openapi/fuzz.toml" run "$root/openapi/ttms-relay.yaml" --url "$url" \
    --header "Authorization: Bearer $(<data/admin.token)" \
    --generation-database none --warnings off --continue-on-failure \
    --seed "${FUZZ_SEED:-1}" --max-examples "${FUZZ_EXAMPLES:-20}" || status=$?

# After all requests the relay is ready, accounts for every frame, and has logged no error.
if ! curl --silent --fail --output /dev/null "$url/readyz" || ! curl --silent --fail --output metrics "$url/metrics" \
    || ! grep --quiet '^ttms_ledger_imbalance 0$' metrics || grep --extended-regexp ' (error|critical) ' log; then
    echo "The relay has ended, is not ready, cannot account for its frames, or has logged an error:" >&2
    tail --lines 40 log >&2
    status=1
fi
exit "$status"
