// Who may send to or receive from which queue.

@description('The namespace.')
param namespaceName string

@description('The rights.')
param roleAssignments {
  queueName: string
  roleDefinitionId: string
  principalId: string
}[]

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = {
  name: namespaceName
}

resource queues 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' existing = [
  for right in roleAssignments: {
    parent: namespace
    name: right.queueName
  }
]

resource rights 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (right, index) in roleAssignments: {
    scope: queues[index]
    name: guid(queues[index].id, right.principalId, right.roleDefinitionId)
    properties: {
      roleDefinitionId: right.roleDefinitionId
      principalId: right.principalId
      principalType: 'ServicePrincipal'
    }
  }
]
