#!/usr/bin/env pwsh
# Before everything is taken down: what goes, what stays, and whether that is meant. Asks, unless it is called with
# -Force or CI or FEDCLOUD_DOWN is set.
param([switch] $Force)
. (Join-Path $PSScriptRoot 'common.ps1')

$group = Get-Setting AZURE_RESOURCE_GROUP
$account = Get-Setting FEDCLOUD_AUDIT_ACCOUNT
$state = if ($group -and $account) { Get-Retention state } else { '' }

Write-Output "This ends the federation $(Get-Setting FEDCLOUD_FEDERATION) here: models, rounds, queues and the coordinator go for good."
Write-Output 'Export the evidence first if it may be asked for: fedcloud audit export --out evidence.zip'
Write-Output 'What stays:'
Write-Output "  the vault $(Get-Setting FEDCLOUD_VAULT): purge protection keeps it, deleted, for 90 days; its name is taken meanwhile"
Write-Output "  the Entra application $(Get-Setting AUTH_CLIENT_ID): az ad app delete --id <id> removes it"
Write-Output '  seven roles whose names begin with FedCloud: az role definition list --custom-role-only shows, az role definition delete removes them'
switch ($state) {
    'Locked' { Write-Output "  the audit log: its retention is locked, so Azure refuses to delete $account and with it the resource group, until the last entry is old enough" }
    'Unlocked' { Write-Output '  the audit log goes: its retention is not locked, and is removed now' }
}

if (-not $Force -and -not (Get-Setting CI) -and (Get-Setting FEDCLOUD_DOWN) -ne 'yes') {
    if ([Console]::IsInputRedirected) { Stop-Hook 'nobody is there to ask. Set FEDCLOUD_DOWN to yes, and run azd down again' }
    $answer = Read-Host "Type the name of the environment ($(Get-Setting AZURE_ENV_NAME)) to go on"
    if ($answer -cne (Get-Setting AZURE_ENV_NAME)) { Stop-Hook 'nothing was taken down' }
}

if ($state -eq 'Unlocked') {
    $null = Invoke-Program az @('storage', 'container', 'immutability-policy', 'delete', '--resource-group', $group, '--account-name', $account, '--container-name', 'log', '--if-match', (Get-Retention etag), '--output', 'none')
}
