#!/usr/bin/env bash
# Makes the lab ready: packages, a Docker Engine that answers, the first lessons' images.
# Without packages there is no lab; what else is missing is said, and the lab opens all the same.
set -eu
cd "$(dirname "$0")/.."

python3 -m capas --version

# docker-in-docker starts its daemon beside this script.
for ((second = 0; second < ${CAPAS_WAIT:-60}; second++)); do
  docker version >/dev/null 2>&1 && break
  sleep 1
done

python3 -m capas images || true
python3 -m capas doctor || true
