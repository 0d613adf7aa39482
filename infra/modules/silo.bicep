// What one silo has: a queue that it empties, a container that it fills, one that it reads, and an identity if it brings none.

@export()
type siloType = {
  @description('Id of the silo, as in the roster.')
  @minLength(3)
  @maxLength(40)
  id: string

  @description('principal: an app registration or service principal of the silo. arc: the identity of an Arc-enabled machine. federated: an identity is made here, and a token of the silo\'s own issuer (Kubernetes) stands for it.')
  kind: 'principal' | 'arc' | 'federated'

  @description('Object id of the service principal (principal, arc).')
  principalId: string?

  @description('Issuer of the silo\'s tokens (federated).')
  issuer: string?

  @description('Subject of the silo\'s tokens (federated), for example system:serviceaccount:fedcloud:silo.')
  subject: string?
}

@description('The silo.')
param silo siloType

@description('Name of the identity that is made for a federated silo.')
param identityName string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('The account with models and uploads.')
param modelsAccountName string

@description('The account with the audit log.')
param auditAccountName string

@description('The broker.')
param namespaceName string

@description('The coordinator\'s identities.')
param orchestratorPrincipalId string
param aggregatorPrincipalId string

@description('Roles of this deployment.')
param blobCreatorRoleId string
param blobWriterRoleId string
param blobCollectorRoleId string

var roles = loadJsonContent('../built-in-roles.json')
var blobReaderRoleId = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataReader)
var principalId = silo.kind == 'federated' ? identity!.properties.principalId : silo.principalId!

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = if (silo.kind == 'federated') {
  name: identityName
  location: location
  tags: tags
}

resource credential 'Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials@2024-11-30' = if (silo.kind == 'federated') {
  parent: identity
  name: 'silo'
  properties: {
    issuer: silo.issuer!
    subject: silo.subject!
    audiences: ['api://AzureADTokenExchange']
  }
}

module queue 'queue.bicep' = {
  params: {
    namespaceName: namespaceName
    name: 'silo-${silo.id}'
  }
}

resource modelsAccount 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: modelsAccountName
}

resource blobServices 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' existing = {
  parent: modelsAccount
  name: 'default'
}

resource up 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: blobServices
  name: 'up-${silo.id}'
  properties: {
    publicAccess: 'None'
  }
}

resource down 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: blobServices
  name: 'down-${silo.id}'
  properties: {
    publicAccess: 'None'
  }
}

module containerAccess 'container-access.bicep' = {
  params: {
    storageAccountName: modelsAccount.name
    roleAssignments: [
      { containerName: up.name, principalId: principalId, roleDefinitionId: blobCreatorRoleId, principalType: 'ServicePrincipal' }
      { containerName: up.name, principalId: aggregatorPrincipalId, roleDefinitionId: blobCollectorRoleId, principalType: 'ServicePrincipal' }
      { containerName: down.name, principalId: principalId, roleDefinitionId: blobReaderRoleId, principalType: 'ServicePrincipal' }
      { containerName: down.name, principalId: orchestratorPrincipalId, roleDefinitionId: blobWriterRoleId, principalType: 'ServicePrincipal' }
      { containerName: 'models', principalId: principalId, roleDefinitionId: blobReaderRoleId, principalType: 'ServicePrincipal' }
    ]
  }
}

module logAccess 'container-access.bicep' = {
  params: {
    storageAccountName: auditAccountName
    roleAssignments: [
      { containerName: 'log', principalId: principalId, roleDefinitionId: blobReaderRoleId, principalType: 'ServicePrincipal' }
      { containerName: 'log-head', principalId: principalId, roleDefinitionId: blobReaderRoleId, principalType: 'ServicePrincipal' }
    ]
  }
}

module queueAccess 'queue-access.bicep' = {
  params: {
    namespaceName: namespaceName
    roleAssignments: [
      {
        queueName: queue.outputs.name
        principalId: principalId
        roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.azureServiceBusDataReceiver)
      }
      {
        queueName: queue.outputs.name
        principalId: orchestratorPrincipalId
        roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.azureServiceBusDataSender)
      }
      {
        queueName: 'coordinator'
        principalId: principalId
        roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.azureServiceBusDataSender)
      }
    ]
  }
}

output id string = silo.id
output kind string = silo.kind
output clientId string = silo.kind == 'federated' ? identity!.properties.clientId : ''
