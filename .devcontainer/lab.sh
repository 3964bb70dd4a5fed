#!/usr/bin/env bash
# Opens the lab on attaching; one lab, however many windows attach.
# VS Code's $BROWSER, which `capas lab` asks, turns 127.0.0.1 into the forwarded address.
cd "$(dirname "$0")/.." || exit 1
flock --nonblock --close --conflict-exit-code 75 .devcontainer python3 -m capas lab
code=$?
if [ "$code" = 75 ]; then
  echo "JupyterLab runs already: its address stands in the terminal that started it."
  exit 0
fi
exit "$code"
