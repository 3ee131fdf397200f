#!/usr/bin/env bash
# Installs what ttms-relay needs from Debian, if it is missing, and says so.
#
#   deploy/install-packages.sh        the libraries that the relay is built on
#   deploy/install-packages.sh test   also what the tests use
#
# Asks for nothing when all is there; uses sudo only when not root.
set -euo pipefail

# Runs apt-get as root.
apt_get() {
    if [[ $(id -u) -eq 0 ]]; then apt-get "$@"; else sudo apt-get "$@"; fi
}

# zlib is for the HTTP client of ttmsctl.
packages=(libmicrohttpd-dev libgnutls28-dev librocksdb-dev zlib1g-dev)
if [[ ${1:-} == test ]]; then
    # The OpenAPI document is validated, and the API fuzzed, by Python packages in virtual environments of their own, and curl.
    # strace makes the disk fail under the relay, iproute2 lays the cable that is pulled, valgrind counts instructions, in
    # programs that strip has made smaller.
    packages+=(python3-venv curl strace iproute2 valgrind binutils)
fi

missing=()
for package in "${packages[@]}"; do
    status=$(dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null || true)
    [[ $status == "install ok installed" ]] || missing+=("$package")
done

if [[ ${#missing[@]} -gt 0 ]]; then
    echo "Installing from Debian: ${missing[*]}"
    apt_get update --quiet --quiet
    DEBIAN_FRONTEND=noninteractive apt_get install --yes --quiet --quiet --no-install-recommends "${missing[@]}"
fi

# Prometheus scrapes the relay, and promtool checks the metrics. Their package would also start a monitoring server on this machine, so it is only unpacked; the
# Makefile puts it into the tests' PATH.
tools=.build/tools
if [[ ${1:-} == test ]] && ! command -v prometheus >/dev/null && [[ ! -x $tools/usr/bin/prometheus ]]; then
    echo "Unpacking Debian's package prometheus into $tools"
    mkdir -p "$tools"
    apt_get update --quiet --quiet
    (cd "$tools" && apt-get download --quiet --quiet prometheus && dpkg-deb --extract prometheus_*.deb . && rm prometheus_*.deb)
fi
