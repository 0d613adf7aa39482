#!/usr/bin/env pwsh
# Before anything is made in Azure: are the tools there, is somebody signed in, do the settings fit together? Then the
# Entra application of the API is found or made. Running it again changes nothing.
. (Join-Path $PSScriptRoot 'common.ps1')

function Assert-AtLeast([string] $Name, [string] $Found, [string] $Wanted) {
    if ([version] $Found -lt [version] $Wanted) { Stop-Hook "$Name $Wanted or later is needed, found $Found" }
}

foreach ($tool in 'az', 'azd', 'dotnet') {
    if (-not (Get-Command $tool -ErrorAction SilentlyContinue)) { Stop-Hook "$tool is needed and not on the PATH" }
}
Assert-AtLeast az (Invoke-Program az @('version', '--query', '"azure-cli"', '--output', 'tsv')) 2.60.0
Assert-AtLeast azd ([regex]::Match((Invoke-Program azd @('version')), '\d+\.\d+\.\d+').Value) 1.20.0
Assert-AtLeast dotnet ((Invoke-Program dotnet @('--version')) -replace '-.*$', '') 10.0.100

$tenant = az account show --query tenantId --output tsv 2>$null
if ($LASTEXITCODE -ne 0) { Stop-Hook 'nobody is signed in. Run: az login' }
$wanted = Get-Setting AZURE_TENANT_ID
if ($wanted -and $tenant -ne $wanted) {
    Stop-Hook "az is signed in to tenant $tenant, the environment is in $wanted. Run: az login --tenant $wanted"
}

$federation = Get-Setting FEDCLOUD_FEDERATION
if (-not $federation) { Stop-Hook 'the federation has no id yet. Run: azd env set FEDCLOUD_FEDERATION <id>' }
if (-not (Test-Id $federation)) { Stop-Hook "FEDCLOUD_FEDERATION is '$federation': expected 3 to 40 small letters, digits and single hyphens" }

$silos = @(Get-SiloIds (Get-Setting SILOS '[]'))
foreach ($id in $silos) {
    if (-not (Test-Id $id)) { Stop-Hook "SILOS has the id '$id': expected 3 to 40 small letters, digits and single hyphens" }
}
$twice = @($silos | Group-Object | Where-Object Count -gt 1 | ForEach-Object Name)
if ($twice.Count -gt 0) { Stop-Hook "SILOS has ids twice: $($twice -join ' ')" }

if ((Get-Setting VNET_ENABLED 'false') -eq 'true' -and (Get-Setting SERVICE_BUS_SKU 'Standard') -ne 'Premium') {
    Stop-Hook 'VNET_ENABLED needs Service Bus Premium. Run: azd env set SERVICE_BUS_SKU Premium'
}

if (-not (Get-Setting BUDGET_START_DATE)) {
    $null = Invoke-Program azd @('env', 'set', 'BUDGET_START_DATE', [DateTime]::UtcNow.ToString('yyyy-MM-01'))
}

# A locked retention takes no template any more.
if ((Get-Setting AZURE_RESOURCE_GROUP) -and (Get-Setting FEDCLOUD_AUDIT_ACCOUNT) -and (Get-Retention state) -eq 'Locked') {
    $null = Invoke-Program azd @('env', 'set', 'AUDIT_LOG_LOCKED', 'true')
}

$client = Get-Setting AUTH_CLIENT_ID
if ($client) {
    Write-Output "The API's Entra application is $client."
    exit 0
}
if ((Get-Setting FEDCLOUD_NO_API 'false') -eq 'true') {
    Write-Output 'There is no Entra application (FEDCLOUD_NO_API): nobody will reach the API.'
    exit 0
}

$name = "FedCloud $federation ($(Get-Setting AZURE_ENV_NAME))"
$found = @((Invoke-Program az @('ad', 'app', 'list', '--filter', "displayName eq '$name'", '--query', '[].appId', '--output', 'tsv')) -split '\s+' | Where-Object { $_ })
if ($found.Count -gt 1) { Stop-Hook "several Entra applications are called '$name'. Run: azd env set AUTH_CLIENT_ID <application id>" }
if ($found.Count -eq 1) {
    $client = $found[0]
}
else {
    $client = Invoke-Program az @('ad', 'app', 'create', '--display-name', $name, '--sign-in-audience', 'AzureADMyOrg', '--app-roles', "@$(Join-Path $PSScriptRoot 'app-roles.json')", '--query', 'appId', '--output', 'tsv')
    Write-Output "Made the Entra application '$name'."
}
$graph = "https://graph.microsoft.com/v1.0/applications(appId='$client')"
$null = Invoke-Program az @('ad', 'app', 'update', '--id', $client, '--identifier-uris', "api://$client")
# The scope has to be there before a client is allowed to use it.
foreach ($body in 'app-scope.json', 'app-clients.json') {
    $null = Invoke-Program az @('rest', '--method', 'PATCH', '--uri', $graph, '--headers', 'Content-Type=application/json', '--body', "@$(Join-Path $PSScriptRoot $body)")
}
az ad sp show --id $client --output none 2>$null
if ($LASTEXITCODE -ne 0) { $null = Invoke-Program az @('ad', 'sp', 'create', '--id', $client, '--output', 'none') }
# Only who has been given a role gets a token.
$null = Invoke-Program az @('ad', 'sp', 'update', '--id', $client, '--set', 'appRoleAssignmentRequired=true')
$null = Invoke-Program azd @('env', 'set', 'AUTH_CLIENT_ID', $client)
Write-Output "The API's Entra application is $client. docs/azure.md says how people get the roles Operator and Auditor."
