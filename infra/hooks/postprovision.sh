#!/bin/sh
# After Azure has everything: locks the retention of the audit log if that was asked for, and says what comes next.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=infra/hooks/common.sh
. "$here/common.sh"

if [ "${FEDCLOUD_LOCK_AUDIT_LOG:-false}" = true ]; then
    state=$(retention_state)
    case $state in
    Locked)
        echo "The retention of the audit log is locked."
        ;;
    Unlocked)
        etag=$(az storage container immutability-policy show --resource-group "$AZURE_RESOURCE_GROUP" --account-name "$FEDCLOUD_AUDIT_ACCOUNT" \
            --container-name log --query etag --output tsv)
        az storage container immutability-policy lock --resource-group "$AZURE_RESOURCE_GROUP" --account-name "$FEDCLOUD_AUDIT_ACCOUNT" \
            --container-name log --if-match "$etag" --output none
        azd env set AUDIT_LOG_LOCKED true
        echo "The retention of the audit log is locked now. It cannot be unlocked."
        ;;
    *)
        fail "there is no retention on the container 'log' of $FEDCLOUD_AUDIT_ACCOUNT, so nothing was locked"
        ;;
    esac
else
    echo "The retention of the audit log is not locked: whoever may write to the account can remove it."
    echo "  To lock it for good: azd env set LOCK_AUDIT_LOG true, then azd provision. docs/azure.md says what that means."
fi

echo
echo "Federation   $FEDCLOUD_FEDERATION"
echo "Coordinator  $SERVICE_COORDINATOR_URI"
echo "Vault        $FEDCLOUD_VAULT"
echo "Broker       $FEDCLOUD_SERVICEBUS"
echo "Models       $FEDCLOUD_STORAGE"
echo "Audit log    $FEDCLOUD_AUDIT_STORAGE"

if [ -z "${AUTH_CLIENT_ID:-}" ]; then
    echo
    echo "There is no Entra application, so nobody reaches the API."
    exit 0
fi

silos=$(silo_ids "${FEDCLOUD_SILOS:-[]}")
if [ -z "$silos" ]; then
    echo
    echo "There are no silos yet. docs/azure.md says how to add one (azd env set SILOS '[…]')."
    exit 0
fi
echo
echo "To invite the silos, once azd deploy is done, as somebody with the role Operator:"
echo "  export FEDCLOUD_URL=$SERVICE_COORDINATOR_URI"
echo "  export FEDCLOUD_TOKEN=\$(az account get-access-token --scope api://$AUTH_CLIENT_ID/.default --query accessToken --output tsv)"
for id in $silos; do
    echo "  fedcloud silo invite $id --out $id.invitation.json"
done
