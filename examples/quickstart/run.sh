#!/usr/bin/env bash
# The first hour: three made-up businesses, from their files to forecasts and orders over HTTP. Two minutes of computing.
# Every line is what a person would type. Everything is kept in one folder: ./quickstart-home, or the first argument.
set -euo pipefail

export INVPLAT_HOME="${1:-$PWD/quickstart-home}"
if [ -e "$INVPLAT_HOME" ]; then
    echo "$INVPLAT_HOME is there already: remove it, or name another folder: $0 FOLDER" >&2
    exit 2
fi
command -v invplat >/dev/null || { echo 'invplat is not on the PATH: source .venv/bin/activate' >&2; exit 2; }

service=''
ended() {
    if [ -n "$service" ]; then
        kill "$service" 2>/dev/null || true
        wait "$service" || true
    fi
}
trap ended EXIT # whatever happens, nothing is left running
trap 'exit 130' INT TERM
step() { printf '\n== %s\n' "$*"; }

step 'Three businesses: folders of CSV files, with faults planted in them'
invplat data synth --tenants 3 --stores 2 --skus 12 --days 240 --seed 5 --dirt --out "$INVPLAT_HOME/world"

step 'They sign up: files become clean, versioned datasets, and every row that could not be used keeps its reason'
for name in 0000 0001 0002; do
    invplat tenant add "shop-$name" --data "$INVPLAT_HOME/world/tenant-$name" --mapping generic
done
invplat data describe --tenant shop-0000
invplat data quarantine --tenant shop-0000 --limit 5

step 'A search: which params does the model learn best with?'
invplat tune mlp --tenant shop-0000 --name first --trials 8 --epochs 2 --windows 1500 --spec past=28,horizon=14 --in-process

step 'A base of two of the businesses, with the best of these'
invplat train mlp --tenant shop-0000 --tenant shop-0001 --from first --base --epochs 3 --windows 3000

step 'A model of its own for each business, the one that the base never saw included; a gate lets no worse one through'
invplat finetune submit --all --wait --in-process
invplat models list --tenant shop-0002

step 'Served over HTTP, and asked'
INVPLAT_KEY="$(invplat tenant key create shop-0002 --json | python -c 'import json, sys; print(json.load(sys.stdin)["secret"])')"
export INVPLAT_KEY
invplat deploy --port 0 &
service=$!
until invplat status >/dev/null 2>&1; do
    kill -0 "$service" || exit 1
    sleep 1
done
invplat query forecast --by category --horizon 7
invplat query orders --only-orders --why --rows 5
