// Rights that no built-in role says exactly. Key Vault Crypto User, for one, may sign, unwrap, wrap, encrypt and decrypt;
// Storage Blob Data Contributor may delete the container. None of these roles has a right on the management plane.

@description('Tells the roles of several deployments in one tenant apart: names of roles are unique there.')
param resourceToken string

@description('Signs digests with a key, and reads its public half.')
resource keySigner 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'key-signer')
  properties: {
    roleName: 'FedCloud key signer (${resourceToken})'
    description: 'Signs with a key and reads its public half. Neither makes, rotates, disables nor unwraps.'
    type: 'CustomRole'
    permissions: [
      {
        actions: []
        dataActions: [
          'Microsoft.KeyVault/vaults/keys/read'
          'Microsoft.KeyVault/vaults/keys/sign/action'
        ]
      }
    ]
    assignableScopes: [resourceGroup().id]
  }
}

@description('Unwraps data keys with a key, and reads its public half.')
resource keyUnwrapper 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'key-unwrapper')
  properties: {
    roleName: 'FedCloud key unwrapper (${resourceToken})'
    description: 'Unwraps with a key and reads its public half. Neither makes, rotates, disables nor signs.'
    type: 'CustomRole'
    permissions: [
      {
        actions: []
        dataActions: [
          'Microsoft.KeyVault/vaults/keys/read'
          'Microsoft.KeyVault/vaults/keys/unwrap/action'
        ]
      }
    ]
    assignableScopes: [resourceGroup().id]
  }
}

@description('Reads the public half of a key and lists its versions.')
resource keyReader 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'key-reader')
  properties: {
    roleName: 'FedCloud key reader (${resourceToken})'
    description: 'Reads the public half of a key and lists its versions.'
    type: 'CustomRole'
    permissions: [
      {
        actions: []
        dataActions: [
          'Microsoft.KeyVault/vaults/keys/read'
        ]
      }
    ]
    assignableScopes: [resourceGroup().id]
  }
}

// blobs/add/action is "create a blob or snapshot, or append data": Put Blob under a free name passes. Put Blob over a blob,
// Put Block and Put Block List need blobs/write, reading and listing blobs/read, deleting blobs/delete. What it also allows
// harms nobody: an append blob that grows no longer has the digest that its signed announcement names.
@description('Creates blobs under free names; no reading, listing, overwriting, deleting, no staged blocks.')
resource blobCreator 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'blob-creator')
  properties: {
    roleName: 'FedCloud blob creator (${resourceToken})'
    description: 'Creates blobs under free names. Neither reads, lists, overwrites nor deletes.'
    type: 'CustomRole'
    permissions: [
      {
        actions: []
        dataActions: [
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action'
        ]
      }
    ]
    assignableScopes: [resourceGroup().id]
  }
}

@description('Reads and writes blobs, and deletes none.')
resource blobWriter 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'blob-writer')
  properties: {
    roleName: 'FedCloud blob writer (${resourceToken})'
    description: 'Reads, creates and replaces blobs. Deletes none, and nothing of the container.'
    type: 'CustomRole'
    permissions: [
      {
        actions: []
        dataActions: [
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action'
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write'
        ]
      }
    ]
    assignableScopes: [resourceGroup().id]
  }
}

@description('Reads, writes and deletes blobs.')
resource blobEditor 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'blob-editor')
  properties: {
    roleName: 'FedCloud blob editor (${resourceToken})'
    description: 'Reads, creates, replaces and deletes blobs. Nothing of the container.'
    type: 'CustomRole'
    permissions: [
      {
        actions: []
        dataActions: [
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/add/action'
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete'
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write'
        ]
      }
    ]
    assignableScopes: [resourceGroup().id]
  }
}

@description('Reads uploads, and deletes them when the audit window is over.')
resource blobCollector 'Microsoft.Authorization/roleDefinitions@2022-04-01' = {
  name: guid(resourceGroup().id, 'blob-collector')
  properties: {
    roleName: 'FedCloud blob collector (${resourceToken})'
    description: 'Reads and deletes blobs. Creates and changes none.'
    type: 'CustomRole'
    permissions: [
      {
        actions: []
        dataActions: [
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/delete'
          'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'
        ]
      }
    ]
    assignableScopes: [resourceGroup().id]
  }
}

output keySigner string = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keySigner.name)
output keyUnwrapper string = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyUnwrapper.name)
output keyReader string = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', keyReader.name)
output blobCreator string = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobCreator.name)
output blobWriter string = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobWriter.name)
output blobEditor string = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobEditor.name)
output blobCollector string = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobCollector.name)
