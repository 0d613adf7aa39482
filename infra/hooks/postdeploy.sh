#!/bin/sh
# A deployment that answers /health and refuses strangers.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=infra/hooks/common.sh
. "$here/common.sh"

status() {
    curl --silent --show-error --output /dev/null --write-out '%{http_code}' --max-time 30 "$1" || true
}

[ -n "${SERVICE_COORDINATOR_URI:-}" ] || fail "the coordinator has no address. Run: azd provision"

if [ -z "${AUTH_CLIENT_ID:-}" ]; then
    code=$(status "$SERVICE_COORDINATOR_URI/api/silos")
    case $code in
    401 | 403) echo "There is no Entra application, and the API is shut ($code)." ;;
    *) fail "the API answers $code although nobody may call it" ;;
    esac
    exit 0
fi

# The first start takes a while.
tries=20
until code=$(status "$SERVICE_COORDINATOR_URI/health") && [ "$code" = 200 ]; do
    tries=$((tries - 1))
    # With OPERATOR_IP_RANGES the front door answers 403 to everybody else, this machine perhaps among them.
    if [ "$code" = 403 ] && [ "${OPERATOR_IP_RANGES:-[]}" != '[]' ]; then
        echo "This machine is not in OPERATOR_IP_RANGES, so /health cannot be asked from here."
        exit 0
    fi
    [ "$tries" -gt 0 ] || fail "/health answers $code. Look at the log stream: az webapp log tail --name $SERVICE_COORDINATOR_NAME --resource-group $AZURE_RESOURCE_GROUP"
    sleep "${FEDCLOUD_HOOK_PAUSE:-6}"
done
code=$(status "$SERVICE_COORDINATOR_URI/api/silos")
[ "$code" = 401 ] || fail "a call without a token got $code, expected 401. Take the app down until this is clear: az functionapp stop --name $SERVICE_COORDINATOR_NAME --resource-group $AZURE_RESOURCE_GROUP"
echo "The coordinator is up at $SERVICE_COORDINATOR_URI, and refuses calls without a token."
