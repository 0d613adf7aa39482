#!/usr/bin/env pwsh
# After Azure has everything: locks the retention of the audit log if that was asked for, and says what comes next.
. (Join-Path $PSScriptRoot 'common.ps1')

$group = Get-Setting AZURE_RESOURCE_GROUP
$account = Get-Setting FEDCLOUD_AUDIT_ACCOUNT
if ((Get-Setting FEDCLOUD_LOCK_AUDIT_LOG 'false') -eq 'true') {
    switch (Get-Retention state) {
        'Locked' {
            Write-Output 'The retention of the audit log is locked.'
        }
        'Unlocked' {
            $null = Invoke-Program az @('storage', 'container', 'immutability-policy', 'lock', '--resource-group', $group, '--account-name', $account, '--container-name', 'log', '--if-match', (Get-Retention etag), '--output', 'none')
            $null = Invoke-Program azd @('env', 'set', 'AUDIT_LOG_LOCKED', 'true')
            Write-Output 'The retention of the audit log is locked now. It cannot be unlocked.'
        }
        default {
            Stop-Hook "there is no retention on the container 'log' of $account, so nothing was locked"
        }
    }
}
else {
    Write-Output 'The retention of the audit log is not locked: whoever may write to the account can remove it.'
    Write-Output '  To lock it for good: azd env set LOCK_AUDIT_LOG true, then azd provision. docs/azure.md says what that means.'
}

Write-Output ''
Write-Output "Federation   $(Get-Setting FEDCLOUD_FEDERATION)"
Write-Output "Coordinator  $(Get-Setting SERVICE_COORDINATOR_URI)"
Write-Output "Vault        $(Get-Setting FEDCLOUD_VAULT)"
Write-Output "Broker       $(Get-Setting FEDCLOUD_SERVICEBUS)"
Write-Output "Models       $(Get-Setting FEDCLOUD_STORAGE)"
Write-Output "Audit log    $(Get-Setting FEDCLOUD_AUDIT_STORAGE)"
Write-Output ''

$client = Get-Setting AUTH_CLIENT_ID
$silos = @(Get-SiloIds (Get-Setting FEDCLOUD_SILOS '[]'))
if (-not $client) {
    Write-Output 'There is no Entra application, so nobody reaches the API.'
}
elseif ($silos.Count -eq 0) {
    Write-Output "There are no silos yet. docs/azure.md says how to add one (azd env set SILOS '[…]')."
}
else {
    Write-Output 'To invite the silos, once azd deploy is done, as somebody with the role Operator:'
    Write-Output "  `$Env:FEDCLOUD_URL = '$(Get-Setting SERVICE_COORDINATOR_URI)'"
    Write-Output "  `$Env:FEDCLOUD_TOKEN = az account get-access-token --scope api://$client/.default --query accessToken --output tsv"
    foreach ($id in $silos) { Write-Output "  fedcloud silo invite $id --out $id.invitation.json" }
}
