// Who may do what with which key.

@description('The vault.')
param vaultName string

@description('The rights.')
param roleAssignments {
  keyName: string
  roleDefinitionId: string
  principalId: string
}[]

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: vaultName
}

resource keys 'Microsoft.KeyVault/vaults/keys@2024-11-01' existing = [
  for right in roleAssignments: {
    parent: vault
    name: right.keyName
  }
]

resource rights 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (right, index) in roleAssignments: {
    scope: keys[index]
    name: guid(keys[index].id, right.principalId, right.roleDefinitionId)
    properties: {
      roleDefinitionId: right.roleDefinitionId
      principalId: right.principalId
      principalType: 'ServicePrincipal'
    }
  }
]
