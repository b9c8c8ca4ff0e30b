#!/usr/bin/env bash
# The same API by curl alone. Needs INVPLAT_URL, INVPLAT_KEY, and the business: ask.sh corner-shop
set -euo pipefail
: "${INVPLAT_URL:?the address that invplat deploy prints}" "${INVPLAT_KEY:?the key that invplat deploy --key-for prints}"
tenant="${1:?which business: ask.sh corner-shop}"
ask() { # PATH, and curl's options
    local path="$1"
    shift
    curl --silent --show-error --fail-with-body --max-time 30 "$INVPLAT_URL/v1/tenants/$tenant/$path" \
        -H "Authorization: Bearer $INVPLAT_KEY" -H 'Content-Type: application/json' "$@"
}

echo '== the coming week, all together'
ask forecasts -d '{"by": "total", "horizon": 7, "quantiles": [0.1, 0.5, 0.9]}'

printf '\n\n== every series, as Arrow\n'
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
ask forecasts -H 'Accept: application/vnd.apache.arrow.stream' -d '{}' -o "$folder/forecasts.arrow"
echo "$(wc -c <"$folder/forecasts.arrow") bytes"

printf '\n== what to order, with a chance of 98 %% that nothing runs out\n'
ask orders -d '{"defaults": {"service": 0.98}, "only_orders": true}'

printf '\n\n== a field that there is not: a problem as application/problem+json, and curl ends with 22\n'
ask forecasts -d '{"horizont": 7}' || echo " (curl: $?)"
