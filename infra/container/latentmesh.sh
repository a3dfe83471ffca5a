#!/bin/sh
# The command line in a container. That of the gateway has the key of a client beside its own, and the command speaks as a client.
client=/keys/client/client.nk
[ -r "$client" ] && export LATENTMESH_NATS_NKEY_FILE=$client
exec node /app/infra/command/latentmesh.js "$@"
