# Shared by the hooks; dot-sourced, never run.

Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'

function Stop-Hook([string] $Message) {
    [Console]::Error.WriteLine("error: $Message")
    exit 1
}

# The value of an environment variable, or another one where it is empty.
function Get-Setting([string] $Name, [string] $Otherwise = '') {
    $value = [Environment]::GetEnvironmentVariable($Name)
    if ([string]::IsNullOrEmpty($value)) { $Otherwise } else { $value }
}

# Runs a program and stops the hook when it fails; gives its output back as one text.
function Invoke-Program([string] $Program, [string[]] $Arguments) {
    $output = & $Program @Arguments
    if ($LASTEXITCODE -ne 0) { Stop-Hook "$Program $($Arguments -join ' ') ended with $LASTEXITCODE" }
    ($output | Out-String).Trim()
}

# The ids in a JSON list of silos: [{"id": "clinic-north", …}, …]
function Get-SiloIds([string] $Json) {
    @($Json | ConvertFrom-Json | ForEach-Object { $_ } | ForEach-Object { $_.id })
}

# Small letters, digits and single hyphens, 3 to 40 characters, no hyphen at either end: ids become names of containers.
function Test-Id([string] $Id) {
    $Id -cmatch '^[a-z0-9]([a-z0-9-]{1,38})[a-z0-9]$' -and -not $Id.Contains('--')
}

# A property of the policy on the log, or nothing where there is no policy.
function Get-Retention([string] $Property) {
    $value = az storage container immutability-policy show --resource-group (Get-Setting AZURE_RESOURCE_GROUP) `
        --account-name (Get-Setting FEDCLOUD_AUDIT_ACCOUNT) --container-name log --query $Property --output tsv 2>$null
    ($value | Out-String).Trim()
}
