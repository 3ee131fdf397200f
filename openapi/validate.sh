#!/bin/sh
# Validates the OpenAPI document, checks it for constructs that client generators do not support, and generates a client; with tools of
# fixed releases in a virtual environment under .build.
set -eu
cd "$(dirname "$0")/.."

document=openapi/ttms-relay.yaml
tools="openapi-spec-validator==0.9.0 openapi-python-client==0.29.1 PyYAML==6.0.3"
environment=.build/openapi-venv
if [ "$(cat "$environment/tools" 2>/dev/null)" != "$tools" ]; then
    echo "Installing $tools into $environment"
    python3 -m venv --clear "$environment"
    # A word for each of them.
    # shellcheck disable=SC2086
    "$environment/bin/pip" install --quiet --disable-pip-version-check $tools
    echo "$tools" >"$environment/tools"
fi
"$environment/bin/python" -m openapi_spec_validator "$document"
"$environment/bin/python" openapi/lint.py "$document"
client=$(mktemp -d)
trap 'rm -rf "$client"' EXIT
"$environment/bin/openapi-python-client" generate --path "$document" --config openapi/generator.yaml --meta none \
    --output-path "$client/client" --fail-on-warning
"$environment/bin/python" -m compileall -q "$client/client"
