#!/bin/sh
# Before anything is made in Azure: are the tools there, is somebody signed in, do the settings fit together? Then the
# Entra application of the API is found or made. Running it again changes nothing.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=infra/hooks/common.sh
. "$here/common.sh"

# at_least NAME FOUND WANTED: compares dotted numbers.
at_least() {
    newest=$(printf '%s\n%s\n' "$2" "$3" | sort -t. -k1,1n -k2,2n -k3,3n | tail -n 1)
    [ "$newest" = "$2" ] || fail "$1 $3 or later is needed, found $2"
}

for tool in az azd dotnet; do
    command -v "$tool" >/dev/null 2>&1 || fail "$tool is needed and not on the PATH"
done
at_least az "$(az version --query '"azure-cli"' --output tsv)" 2.60.0
at_least azd "$(azd version | sed -n 's/^azd version \([0-9.]*\).*$/\1/p')" 1.20.0
at_least dotnet "$(dotnet --version | sed 's/-.*$//')" 10.0.100

az account show --output none 2>/dev/null || fail "nobody is signed in. Run: az login"
tenant=$(az account show --query tenantId --output tsv)
if [ -n "${AZURE_TENANT_ID:-}" ] && [ "$tenant" != "$AZURE_TENANT_ID" ]; then
    fail "az is signed in to tenant $tenant, the environment is in $AZURE_TENANT_ID. Run: az login --tenant $AZURE_TENANT_ID"
fi

[ -n "${FEDCLOUD_FEDERATION:-}" ] || fail "the federation has no id yet. Run: azd env set FEDCLOUD_FEDERATION <id>"
is_id "$FEDCLOUD_FEDERATION" || fail "FEDCLOUD_FEDERATION is '$FEDCLOUD_FEDERATION': expected 3 to 40 small letters, digits and single hyphens"

silos=$(silo_ids "${SILOS:-[]}")
for id in $silos; do
    is_id "$id" || fail "SILOS has the id '$id': expected 3 to 40 small letters, digits and single hyphens"
done
twice=$(printf '%s\n' "$silos" | sort | uniq -d | tr '\n' ' ')
[ -z "$(printf '%s' "$twice" | tr -d ' ')" ] || fail "SILOS has ids twice: $twice"

if [ "${VNET_ENABLED:-false}" = true ] && [ "${SERVICE_BUS_SKU:-Standard}" != Premium ]; then
    fail "VNET_ENABLED needs Service Bus Premium. Run: azd env set SERVICE_BUS_SKU Premium"
fi

if [ -z "${BUDGET_START_DATE:-}" ]; then
    azd env set BUDGET_START_DATE "$(date -u +%Y-%m-01)"
fi

# A locked retention takes no template any more.
if [ -n "${AZURE_RESOURCE_GROUP:-}" ] && [ -n "${FEDCLOUD_AUDIT_ACCOUNT:-}" ]; then
    if [ "$(retention_state)" = Locked ]; then
        azd env set AUDIT_LOG_LOCKED true
    fi
fi

if [ -n "${AUTH_CLIENT_ID:-}" ]; then
    echo "The API's Entra application is $AUTH_CLIENT_ID."
    exit 0
fi
if [ "${FEDCLOUD_NO_API:-false}" = true ]; then
    echo "There is no Entra application (FEDCLOUD_NO_API): nobody will reach the API."
    exit 0
fi

name="FedCloud $FEDCLOUD_FEDERATION ($AZURE_ENV_NAME)"
found=$(az ad app list --filter "displayName eq '$name'" --query '[].appId' --output tsv)
[ "$(printf '%s' "$found" | grep -c .)" -le 1 ] || fail "several Entra applications are called '$name'. Run: azd env set AUTH_CLIENT_ID <application id>"
client=$found
if [ -z "$client" ]; then
    client=$(az ad app create --display-name "$name" --sign-in-audience AzureADMyOrg --app-roles "@$here/app-roles.json" --query appId --output tsv)
    echo "Made the Entra application '$name'."
fi
graph="https://graph.microsoft.com/v1.0/applications(appId='$client')"
az ad app update --id "$client" --identifier-uris "api://$client"
# The scope has to be there before a client is allowed to use it.
az rest --method PATCH --uri "$graph" --headers Content-Type=application/json --body "@$here/app-scope.json"
az rest --method PATCH --uri "$graph" --headers Content-Type=application/json --body "@$here/app-clients.json"
az ad sp show --id "$client" --output none 2>/dev/null || az ad sp create --id "$client" --output none
# Only who has been given a role gets a token.
az ad sp update --id "$client" --set appRoleAssignmentRequired=true
azd env set AUTH_CLIENT_ID "$client"
echo "The API's Entra application is $client. docs/azure.md says how people get the roles Operator and Auditor."
