#!/usr/bin/env bash
# Three nodes on this machine, and the whole journey on them: tune, train, fine-tune, serve, ask, end.
# Every line is what a person would type. Everything is kept in one folder: ./cluster-home, or the first argument.
set -euo pipefail

export INVPLAT_HOME="${1:-$PWD/cluster-home}"
port="${PORT:-8123}"
trap 'invplat cluster down' EXIT  # whatever happens, nothing is left running

# Two small businesses, made up.
invplat data synth --tenants 2 --stores 2 --skus 6 --days 200 --seed 5 --out "$INVPLAT_HOME/world"
invplat tenant add day-shop --data "$INVPLAT_HOME/world/tenant-0000" --mapping generic
invplat tenant add night-shop --data "$INVPLAT_HOME/world/tenant-0001" --mapping generic

# --dashboard, as that is what takes jobs.
invplat cluster up --nodes 3 --dashboard
export INVPLAT_ADDRESS=cluster
invplat cluster status

# The search and the fine-tune on the cluster; of so little data one base is learnt sooner here.
invplat tune mlp --tenant day-shop --name small --trials 4 --epochs 1 --windows 400 --max-concurrent 2 \
    --spec past=14,horizon=7
INVPLAT_ADDRESS='' invplat train mlp --tenant day-shop --from small --base --epochs 1 --windows 400
invplat finetune submit night-shop --way head --epochs 1 --wait

# A key first, as the service reads them every other second. It goes on serving there when the command has ended.
INVPLAT_KEY="$(invplat tenant key create night-shop --json | python -c 'import json, sys; print(json.load(sys.stdin)["secret"])')"
export INVPLAT_KEY
invplat deploy --port "$port"
invplat query forecast night-shop --url "http://127.0.0.1:$port" --by store
invplat query orders night-shop --url "http://127.0.0.1:$port"
invplat cluster status
invplat undeploy
