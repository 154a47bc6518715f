#!/usr/bin/env bash
# Builds the MinIO server that the tests read from, once, into the cache. Needs Go; without it the tests say so.
set -euo pipefail
bin="${XDG_CACHE_HOME:-$HOME/.cache}/lakegate/bin"
if [ -x "$bin/minio" ] || command -v minio >/dev/null; then
    exit 0
fi
go=$(command -v go || echo /usr/local/go/bin/go)
if ! [ -x "$go" ]; then
    echo "tests of object stores are left out: MinIO is built with Go, and there is none" >&2
    exit 0
fi
echo "building MinIO, once; this takes some minutes"
mkdir -p "$bin"
GOBIN="$bin" "$go" install github.com/minio/minio@latest
