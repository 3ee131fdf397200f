#!/usr/bin/env bash
# Installs the Debian packages that ttms-relay needs and that are missing, and prints their names.
#
#   deploy/install-packages.sh        the libraries that the relay is built on
#   deploy/install-packages.sh test   also the packages that the tests use
#
# Does nothing when all are installed; uses sudo only when not root.
set -euo pipefail

# Runs apt-get as root.
apt_get() {
    if [[ $(id -u) -eq 0 ]]; then apt-get "$@"; else sudo apt-get "$@"; fi
}

# zlib is for the HTTP client of ttmsctl.
packages=(libmicrohttpd-dev libgnutls28-dev librocksdb-dev zlib1g-dev)
if [[ ${1:-} == test ]]; then
    # Python packages in virtual environments, and curl, validate the OpenAPI document and fuzz the API. strace simulates failures
    # of the disk, iproute2 a cable that is pulled, and valgrind counts instructions, in programs made smaller by strip (binutils).
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

# Prometheus scrapes the relay, and promtool checks the metrics. Their package would also start a monitoring server on this machine,
# so it is only unpacked; the Makefile adds it to the tests' PATH.
tools=.build/tools
if [[ ${1:-} == test ]] && ! command -v prometheus >/dev/null && [[ ! -x $tools/usr/bin/prometheus ]]; then
    echo "Unpacking Debian's package prometheus into $tools"
    mkdir -p "$tools"
    apt_get update --quiet --quiet
    (cd "$tools" && apt-get download --quiet --quiet prometheus && dpkg-deb --extract prometheus_*.deb . && rm prometheus_*.deb)
fi
