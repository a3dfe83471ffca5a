#!/bin/sh
# From nothing to weights, at the lowest priority; call it again to go on where it was killed.
set -eu
recipe=$(cd "$(dirname "$0")" && pwd)
export POCKET_STATE="${POCKET_STATE:-$HOME/.cache/latentmesh-pocket}"
mkdir -p "$POCKET_STATE"
if ! [ -e "$POCKET_STATE/venv/ready" ]; then
  python3 -m venv "$POCKET_STATE/venv"
  "$POCKET_STATE/venv/bin/pip" install -q -r "$recipe/requirements.txt"
  touch "$POCKET_STATE/venv/ready"
fi
# Big blocks come from the heap and stay there: page faults cost a quarter of every step otherwise.
export MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=4000000000 MALLOC_TOP_PAD_=200000000
# One thread leaves the other cores to whoever else works here.
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
exec nice -n 19 "$POCKET_STATE/venv/bin/python" -u "$recipe" "$@"
