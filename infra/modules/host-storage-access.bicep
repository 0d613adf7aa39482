// The Functions host makes containers of its own in its account, so it needs the whole account: Azure asks for
// Storage Blob Data Owner there. Nothing of the federation is in this account.

@description('The host\'s account.')
param storageAccountName string

@description('The host\'s identity.')
param principalId string

var roles = loadJsonContent('../built-in-roles.json')

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageAccountName
}

resource right 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: account
  name: guid(account.id, principalId, roles.storageBlobDataOwner)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataOwner)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
