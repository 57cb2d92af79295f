#!/bin/sh
# What a site's engine tells of accelerators and models, for Prometheus: as a file of node_exporter's textfile collector. Runs as the
# site's user, for the engine's sockets are its alone; docs/operations/alarms.md has a timer. Usage: engine-figures.sh FOLDER_OF_THE_SITE [FILE]
set -eu
sockets=$1/engines/run
file=${2:-}

figures() {
  for socket in "$sockets"/*.sock; do
    [ -S "$socket" ] || continue
    # One that has just ended answers nothing. Of two replicas with a model of one name the socket tells them apart.
    curl -s -m 5 --unix-socket "$socket" http://engine/metrics |
      sed -n "s/^\(barrio_engine_[a-z_]*\){/\1{socket=\"$(basename "$socket" .sock)\",/p" || true
  done
}

if [ -z "$file" ]; then
  figures
else
  figures >"$file.new"
  chmod 644 "$file.new"
  mv "$file.new" "$file" # whole: the collector may read at any time
fi
