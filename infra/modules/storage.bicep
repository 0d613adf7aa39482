// Three accounts, so that no right on one reaches into another: the host's own, the federation's, and the audit log's.

@description('What the names of the accounts begin with.')
param namePrefix string

@description('What they end with.')
param resourceToken string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Redundancy of the federation\'s and the log\'s account.')
param skuName string

@description('Whether their public endpoints answer at all.')
param publicNetworkAccess string

@description('Address ranges that their public endpoints answer; empty: all.')
param allowedIpRanges string[]

@description('Whether the public endpoint of the host\'s account answers.')
param hostPublicNetworkAccess string

@description('The host\'s identity.')
param hostPrincipalId string

@description('Workspace for the record of accesses to the log.')
param workspaceResourceId string

@description('Days for which an entry of the log stays.')
param auditRetentionDays int

@description('The retention is locked: the template leaves it alone.')
param auditLogLocked bool

module hostAccount 'storage-account.bicep' = {
  params: {
    name: '${namePrefix}host${resourceToken}'
    location: location
    tags: tags
    skuName: 'Standard_LRS'
    publicNetworkAccess: hostPublicNetworkAccess
    allowedIpRanges: []
    containers: ['packages']
  }
}

module hostAccess 'host-storage-access.bicep' = {
  params: {
    storageAccountName: hostAccount.outputs.name
    principalId: hostPrincipalId
  }
}

// No versions and no restoring here: what the audit window deletes (masked vectors, revealed secrets) has to be gone.
module modelsAccount 'storage-account.bicep' = {
  params: {
    name: '${namePrefix}models${resourceToken}'
    location: location
    tags: tags
    skuName: skuName
    publicNetworkAccess: publicNetworkAccess
    allowedIpRanges: allowedIpRanges
    containers: ['models', 'rounds', 'state']
  }
}

module auditAccount 'storage-account.bicep' = {
  params: {
    name: '${namePrefix}audit${resourceToken}'
    location: location
    tags: tags
    skuName: skuName
    publicNetworkAccess: publicNetworkAccess
    allowedIpRanges: allowedIpRanges
    containers: ['log', 'log-head']
    isVersioningEnabled: true
    deleteRetentionDays: 30
    workspaceResourceId: workspaceResourceId
  }
}

module auditRetention 'write-once.bicep' = if (!auditLogLocked) {
  params: {
    storageAccountName: auditAccount.outputs.name
    containerName: 'log'
    immutabilityPeriodSinceCreationInDays: auditRetentionDays
  }
}

type accountType = {
  name: string
  resourceId: string
  blobEndpoint: string
}

output host accountType = {
  name: hostAccount.outputs.name
  resourceId: hostAccount.outputs.resourceId
  blobEndpoint: hostAccount.outputs.blobEndpoint
}

output models accountType = {
  name: modelsAccount.outputs.name
  resourceId: modelsAccount.outputs.resourceId
  blobEndpoint: modelsAccount.outputs.blobEndpoint
}

output audit accountType = {
  name: auditAccount.outputs.name
  resourceId: auditAccount.outputs.resourceId
  blobEndpoint: auditAccount.outputs.blobEndpoint
}
