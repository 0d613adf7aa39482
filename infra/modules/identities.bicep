// One managed identity for each role of the coordinator. None of them may assign roles.

@description('What the names of the identities begin with.')
param namePrefix string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Reads the package that is deployed, keeps the host\'s own state, sends telemetry. It has no right on anything of the federation.')
resource host 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${namePrefix}host'
  location: location
  tags: tags
}

@description('Runs rounds and signs the coordinator\'s messages.')
resource orchestrator 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${namePrefix}orchestrator'
  location: location
  tags: tags
}

@description('Reads uploads, unwraps data keys, writes new versions.')
resource aggregator 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${namePrefix}aggregator'
  location: location
  tags: tags
}

@description('Writes the audit log and signs its checkpoints.')
resource logSigner 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${namePrefix}log-signer'
  location: location
  tags: tags
}

@description('Event Grid delivers with it; no code has it.')
resource events 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: '${namePrefix}events'
  location: location
  tags: tags
}

type identityType = {
  resourceId: string
  principalId: string
  clientId: string
}

output host identityType = {
  resourceId: host.id
  principalId: host.properties.principalId
  clientId: host.properties.clientId
}

output orchestrator identityType = {
  resourceId: orchestrator.id
  principalId: orchestrator.properties.principalId
  clientId: orchestrator.properties.clientId
}

output aggregator identityType = {
  resourceId: aggregator.id
  principalId: aggregator.properties.principalId
  clientId: aggregator.properties.clientId
}

output logSigner identityType = {
  resourceId: logSigner.id
  principalId: logSigner.properties.principalId
  clientId: logSigner.properties.clientId
}

output events identityType = {
  resourceId: events.id
  principalId: events.properties.principalId
  clientId: events.properties.clientId
}
