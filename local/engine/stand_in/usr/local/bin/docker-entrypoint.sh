#!/bin/sh
# Arguments alone, and names of no command, are for Node.js.
set -e

case $1 in
  -*) set -- node "$@" ;;
  *) command -v "$1" >/dev/null 2>&1 || set -- node "$@" ;;
esac
exec "$@"
