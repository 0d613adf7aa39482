// Time-based retention on a container: a blob in it can be neither changed nor deleted until it is so many days old.
// A template makes the policy; it cannot lock it, since locking is an action and no property. infra/hooks/postprovision does.

@description('The account.')
param storageAccountName string

@description('The container.')
param containerName string

@description('Days from a blob\'s creation.')
@minValue(1)
@maxValue(146000)
param immutabilityPeriodSinceCreationInDays int

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageAccountName
}

resource blobServices 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' existing = {
  parent: account
  name: 'default'
}

resource container 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' existing = {
  parent: blobServices
  name: containerName
}

resource policy 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2025-01-01' = {
  parent: container
  name: 'default'
  properties: {
    immutabilityPeriodSinceCreationInDays: immutabilityPeriodSinceCreationInDays
    allowProtectedAppendWrites: false
    allowProtectedAppendWritesAll: false
  }
}
