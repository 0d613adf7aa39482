# Shared by the hooks; sourced, never run.
# shellcheck shell=sh

fail() {
    echo "error: $*" >&2
    exit 1
}

# The ids in a JSON list of silos: [{"id": "clinic-north", …}, …]
silo_ids() {
    printf '%s' "$1" | sed 's/[,{}]/\
/g' | sed -n 's/^.*"id"[[:space:]]*:[[:space:]]*"\([^"]*\)".*$/\1/p'
}

# Small letters, digits and single hyphens, 3 to 40 characters, no hyphen at either end: ids become names of containers.
is_id() {
    printf '%s' "$1" | grep -Eq '^[a-z0-9]([a-z0-9-]{1,38})[a-z0-9]$' && ! printf '%s' "$1" | grep -q -e '--'
}

# Locked, Unlocked, or nothing where there is no policy.
retention_state() {
    az storage container immutability-policy show --resource-group "$AZURE_RESOURCE_GROUP" --account-name "$FEDCLOUD_AUDIT_ACCOUNT" \
        --container-name log --query state --output tsv 2>/dev/null || true
}
