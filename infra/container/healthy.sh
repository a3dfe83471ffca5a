#!/bin/sh
# Whether the service in this container is well, by the file that it writes with every heartbeat (shared/service/health-file.ts):
# no process of Node has to be started to ask. `healthy.sh` asks whether it can work, `healthy.sh alive` only whether it is there:
# a service that waits for NATS is not helped by a restart.
file=${LATENTMESH_HEALTH_FILE:?names no file}
written=$(stat -c %Y "$file" 2>/dev/null) || { echo "not ready yet: $file is not there"; exit 1; }
age=$(($(date +%s) - written))
[ "$age" -le 5 ] || { echo "no heartbeat for $age s"; exit 1; }
state=$(cat "$file")
[ "$1" = alive ] || [ "$state" = ready ] || { echo "$state"; exit 1; }
