// Who may do what in which container of one account.

@export()
type containerRightType = {
  @description('The container.')
  containerName: string

  @description('The role.')
  roleDefinitionId: string

  @description('Who gets it.')
  principalId: string

  @description('What it is.')
  principalType: 'ServicePrincipal' | 'User' | 'Group'
}

@description('The account.')
param storageAccountName string

@description('The rights.')
param roleAssignments containerRightType[]

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageAccountName
}

resource blobServices 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' existing = {
  parent: account
  name: 'default'
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' existing = [
  for right in roleAssignments: {
    parent: blobServices
    name: right.containerName
  }
]

resource rights 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (right, index) in roleAssignments: {
    scope: containers[index]
    name: guid(containers[index].id, right.principalId, right.roleDefinitionId)
    properties: {
      roleDefinitionId: right.roleDefinitionId
      principalId: right.principalId
      principalType: right.principalType
    }
  }
]
