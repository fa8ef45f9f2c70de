#!/usr/bin/env bash
# Runs a command while the cluster's programs build behind it, and ends the build when it ends.
# The command waits for them, where it needs them, with `tools/programs.py ensure --group cluster`.
# With KUBECONFIG set, the person's own cluster is used and nothing is built.
set -euo pipefail
if [[ -z "${KUBECONFIG:-}" ]]; then
    logs="${AIRFERRY_CACHE:-$HOME/.cache/airferry}/logs"
    mkdir -p "$logs"
    nice "${PYTHON:-python3}" "$(dirname "$0")/programs.py" ensure --group cluster \
        >"$logs/cluster.log" 2>&1 &
    building=$!
    trap 'kill "$building" 2>/dev/null || true; wait "$building" 2>/dev/null || true' EXIT
fi
"$@"
