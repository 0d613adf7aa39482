#!/usr/bin/env pwsh
# A deployment that answers /health and refuses strangers.
. (Join-Path $PSScriptRoot 'common.ps1')

function Get-Status([string] $Uri) {
    try { [int] (Invoke-WebRequest -Uri $Uri -TimeoutSec 30 -SkipHttpErrorCheck).StatusCode } catch { 0 }
}

$address = Get-Setting SERVICE_COORDINATOR_URI
$name = Get-Setting SERVICE_COORDINATOR_NAME
$group = Get-Setting AZURE_RESOURCE_GROUP
if (-not $address) { Stop-Hook 'the coordinator has no address. Run: azd provision' }

if (-not (Get-Setting AUTH_CLIENT_ID)) {
    $code = Get-Status "$address/api/silos"
    if ($code -notin 401, 403) { Stop-Hook "the API answers $code although nobody may call it" }
    Write-Output "There is no Entra application, and the API is shut ($code)."
    exit 0
}

# The first start takes a while.
$tries = 20
while (($code = Get-Status "$address/health") -ne 200) {
    $tries--
    # With OPERATOR_IP_RANGES the front door answers 403 to everybody else, this machine perhaps among them.
    if ($code -eq 403 -and (Get-Setting OPERATOR_IP_RANGES '[]') -ne '[]') {
        Write-Output 'This machine is not in OPERATOR_IP_RANGES, so /health cannot be asked from here.'
        exit 0
    }
    if ($tries -le 0) { Stop-Hook "/health answers $code. Look at the log stream: az webapp log tail --name $name --resource-group $group" }
    Start-Sleep -Seconds 6
}
$code = Get-Status "$address/api/silos"
if ($code -ne 401) { Stop-Hook "a call without a token got $code, expected 401. Take the app down until this is clear: az functionapp stop --name $name --resource-group $group" }
Write-Output "The coordinator is up at $address, and refuses calls without a token."
