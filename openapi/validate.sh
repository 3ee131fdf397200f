#!/bin/sh
# Validates the OpenAPI document, with a validator of a fixed release in a virtual environment under .build.
set -eu
cd "$(dirname "$0")/.."

release=0.9.0
environment=.build/openapi-venv
if ! "$environment/bin/python" -c 'import openapi_spec_validator' 2>/dev/null; then
    echo "Installing openapi-spec-validator $release into $environment"
    python3 -m venv "$environment"
    "$environment/bin/pip" install --quiet --disable-pip-version-check "openapi-spec-validator==$release"
fi
exec "$environment/bin/python" -m openapi_spec_validator openapi/ttms-relay.yaml
