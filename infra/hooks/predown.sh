#!/bin/sh
# Before everything is taken down: what goes, what stays, and whether that is meant. Asks, unless it is called with
# --force or CI or FEDCLOUD_DOWN is set.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=infra/hooks/common.sh
. "$here/common.sh"

state=
if [ -n "${AZURE_RESOURCE_GROUP:-}" ] && [ -n "${FEDCLOUD_AUDIT_ACCOUNT:-}" ]; then
    state=$(retention_state)
fi

echo "This ends the federation ${FEDCLOUD_FEDERATION:-} here: models, rounds, queues and the coordinator go for good."
echo "Export the evidence first if it may be asked for: fedcloud audit export --out evidence.zip"
echo "What stays:"
echo "  the vault ${FEDCLOUD_VAULT:-}: purge protection keeps it, deleted, for 90 days; its name is taken meanwhile"
echo "  the Entra application ${AUTH_CLIENT_ID:-}: az ad app delete --id <id> removes it"
echo "  seven roles whose names begin with FedCloud: az role definition list --custom-role-only shows, az role definition delete removes them"
case $state in
Locked) echo "  the audit log: its retention is locked, so Azure refuses to delete ${FEDCLOUD_AUDIT_ACCOUNT:-} and with it the resource group, until the last entry is old enough" ;;
Unlocked) echo "  the audit log goes: its retention is not locked, and is removed now" ;;
esac

if [ "${1:-}" != --force ] && [ -z "${CI:-}" ] && [ "${FEDCLOUD_DOWN:-}" != yes ]; then
    [ -t 0 ] || fail "nobody is there to ask. Run: FEDCLOUD_DOWN=yes azd down"
    printf 'Type the name of the environment (%s) to go on: ' "${AZURE_ENV_NAME:-}"
    read -r answer
    [ "$answer" = "${AZURE_ENV_NAME:-}" ] || fail "nothing was taken down"
fi

if [ "$state" = Unlocked ]; then
    etag=$(az storage container immutability-policy show --resource-group "$AZURE_RESOURCE_GROUP" --account-name "$FEDCLOUD_AUDIT_ACCOUNT" \
        --container-name log --query etag --output tsv)
    az storage container immutability-policy delete --resource-group "$AZURE_RESOURCE_GROUP" --account-name "$FEDCLOUD_AUDIT_ACCOUNT" \
        --container-name log --if-match "$etag" --output none
fi
