#!/usr/bin/env bash
# Makes what the client tests run with: a Python environment and the JDBC driver, both outside the
# checkout. Runs again only when requirements.txt has changed; safe to call from several processes.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/lakegate"
venv="$cache/venv"
jars="$cache/jars"
driver="flight-sql-jdbc-driver"
driver_version="18.3.0"

mkdir -p "$cache"
exec 9>"$cache/clients-setup.lock"
flock 9

stamp="$venv/requirements.installed"
if ! cmp --silent "$here/requirements.txt" "$stamp"; then
    echo "making the Python environment in $venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet --requirement "$here/requirements.txt"
    cp "$here/requirements.txt" "$stamp"
fi

jar="$jars/$driver-$driver_version.jar"
if [ ! -s "$jar" ] && command -v mvn >/dev/null && command -v javac >/dev/null; then
    echo "fetching the JDBC driver $driver_version into $jars"
    mkdir -p "$jars"
    mvn --batch-mode --quiet org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy \
        -Dartifact="org.apache.arrow:$driver:$driver_version" -DoutputDirectory="$jars"
fi
