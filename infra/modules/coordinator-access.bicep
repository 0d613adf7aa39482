// Who may do what at the coordinator: each right is on one container, one queue or one key.

@description('Runs rounds.')
param orchestratorPrincipalId string

@description('Reads uploads and writes versions.')
param aggregatorPrincipalId string

@description('Writes the log.')
param logSignerPrincipalId string

@description('Event Grid.')
param eventsPrincipalId string

param modelsAccountName string
param auditAccountName string
param namespaceName string
param vaultName string

param blobCreatorRoleId string
param blobWriterRoleId string
param blobEditorRoleId string
param keySignerRoleId string
param keyUnwrapperRoleId string
param keyReaderRoleId string

var roles = loadJsonContent('../built-in-roles.json')
var receiverRoleId = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.azureServiceBusDataReceiver)
var senderRoleId = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.azureServiceBusDataSender)
var blobReaderRoleId = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataReader)

module models 'container-access.bicep' = {
  params: {
    storageAccountName: modelsAccountName
    roleAssignments: [
      { containerName: 'models', principalId: orchestratorPrincipalId, roleDefinitionId: blobEditorRoleId, principalType: 'ServicePrincipal' }
      { containerName: 'rounds', principalId: orchestratorPrincipalId, roleDefinitionId: blobEditorRoleId, principalType: 'ServicePrincipal' }
      { containerName: 'state', principalId: orchestratorPrincipalId, roleDefinitionId: blobEditorRoleId, principalType: 'ServicePrincipal' }
      { containerName: 'models', principalId: aggregatorPrincipalId, roleDefinitionId: blobWriterRoleId, principalType: 'ServicePrincipal' }
      { containerName: 'rounds', principalId: aggregatorPrincipalId, roleDefinitionId: blobEditorRoleId, principalType: 'ServicePrincipal' }
      // Rosters lie in models; the log's writer checks signatures against them.
      { containerName: 'models', principalId: logSignerPrincipalId, roleDefinitionId: blobReaderRoleId, principalType: 'ServicePrincipal' }
    ]
  }
}

// The signer creates files in the log and reads them back; only in log-head does it replace and delete.
module log 'container-access.bicep' = {
  params: {
    storageAccountName: auditAccountName
    roleAssignments: [
      { containerName: 'log', principalId: logSignerPrincipalId, roleDefinitionId: blobCreatorRoleId, principalType: 'ServicePrincipal' }
      { containerName: 'log', principalId: logSignerPrincipalId, roleDefinitionId: blobReaderRoleId, principalType: 'ServicePrincipal' }
      { containerName: 'log-head', principalId: logSignerPrincipalId, roleDefinitionId: blobEditorRoleId, principalType: 'ServicePrincipal' }
      { containerName: 'log', principalId: orchestratorPrincipalId, roleDefinitionId: blobReaderRoleId, principalType: 'ServicePrincipal' }
      { containerName: 'log-head', principalId: orchestratorPrincipalId, roleDefinitionId: blobReaderRoleId, principalType: 'ServicePrincipal' }
    ]
  }
}

module queues 'queue-access.bicep' = {
  params: {
    namespaceName: namespaceName
    roleAssignments: [
      { queueName: 'coordinator', principalId: orchestratorPrincipalId, roleDefinitionId: receiverRoleId }
      { queueName: 'audit-in', principalId: orchestratorPrincipalId, roleDefinitionId: senderRoleId }
      { queueName: 'audit-in', principalId: logSignerPrincipalId, roleDefinitionId: receiverRoleId }
      { queueName: 'vault-events', principalId: orchestratorPrincipalId, roleDefinitionId: receiverRoleId }
      { queueName: 'vault-events', principalId: eventsPrincipalId, roleDefinitionId: senderRoleId }
      { queueName: 'admin-events', principalId: orchestratorPrincipalId, roleDefinitionId: receiverRoleId }
      { queueName: 'admin-events', principalId: eventsPrincipalId, roleDefinitionId: senderRoleId }
    ]
  }
}

module keys 'key-access.bicep' = {
  params: {
    vaultName: vaultName
    roleAssignments: [
      { keyName: 'coordinator-messages', principalId: orchestratorPrincipalId, roleDefinitionId: keySignerRoleId }
      { keyName: 'update-wrapping', principalId: orchestratorPrincipalId, roleDefinitionId: keyReaderRoleId }
      { keyName: 'audit-log', principalId: orchestratorPrincipalId, roleDefinitionId: keyReaderRoleId }
      { keyName: 'update-wrapping', principalId: aggregatorPrincipalId, roleDefinitionId: keyUnwrapperRoleId }
      { keyName: 'audit-log', principalId: logSignerPrincipalId, roleDefinitionId: keySignerRoleId }
    ]
  }
}
