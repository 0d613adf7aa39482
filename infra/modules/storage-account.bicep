// A storage account without keys: only Entra identities get in.

@description('Name of the account.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Redundancy.')
param skuName string

@description('Whether the public endpoint answers at all.')
@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string

@description('Address ranges that the public endpoint answers; empty: all, each with an Entra token.')
param allowedIpRanges string[]

@description('Names of the containers.')
param containers string[]

@description('Whether overwritten blobs stay as versions.')
param isVersioningEnabled bool = false

@description('Days for which deleted blobs and containers can be restored; 0: what is deleted is gone.')
@minValue(0)
@maxValue(365)
param deleteRetentionDays int = 0

@description('Workspace for a record of each read, write and delete; empty: none.')
param workspaceResourceId string = ''

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: skuName
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    isLocalUserEnabled: false
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: publicNetworkAccess
    supportsHttpsTrafficOnly: true
    networkAcls: {
      bypass: 'None'
      defaultAction: publicNetworkAccess == 'Enabled' && empty(allowedIpRanges) ? 'Allow' : 'Deny'
      ipRules: map(allowedIpRanges, addresses => { value: addresses, action: 'Allow' })
    }
  }
}

resource blobServices 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: isVersioningEnabled
    deleteRetentionPolicy: {
      enabled: deleteRetentionDays > 0
      days: deleteRetentionDays > 0 ? deleteRetentionDays : null
    }
    containerDeleteRetentionPolicy: {
      enabled: deleteRetentionDays > 0
      days: deleteRetentionDays > 0 ? deleteRetentionDays : null
    }
  }
}

resource blobContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = [
  for container in containers: {
    parent: blobServices
    name: container
    properties: {
      publicAccess: 'None'
    }
  }
]

resource accessRecords 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = if (!empty(workspaceResourceId)) {
  scope: blobServices
  name: 'access'
  properties: {
    workspaceId: workspaceResourceId
    logs: [
      { category: 'StorageRead', enabled: true }
      { category: 'StorageWrite', enabled: true }
      { category: 'StorageDelete', enabled: true }
    ]
  }
}

output name string = account.name
output resourceId string = account.id
output blobEndpoint string = account.properties.primaryEndpoints.blob
