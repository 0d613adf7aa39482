targetScope = 'subscription'

import { siloType } from 'modules/silo.bicep'

@description('Name of the azd environment; the resource group is named after it.')
@minLength(1)
@maxLength(64)
param environmentName string

@description('Region of all resources. It must offer Flex Consumption and the Durable Task Scheduler.')
@minLength(1)
@metadata({
  azd: {
    type: 'location'
  }
})
param location string

@description('Id of the federation: small letters, digits and single hyphens. It is part of the log\'s name and never changes.')
@minLength(3)
@maxLength(40)
param federation string

@description('Name of the resource group; empty: named after the environment.')
param resourceGroupName string = ''

@description('The silos: a queue, two containers and rights for each.')
param silos siloType[] = []

@description('Who may read the audit log from storage.')
param auditors { principalId: string, principalType: 'User' | 'Group' | 'ServicePrincipal' }[] = []

@description('Entra application of the coordinator\'s HTTP API. Empty: nobody reaches the API.')
param authClientId string = ''

@description('Address ranges from which the HTTP API may be called; empty: all, each call with an Entra token.')
param operatorIpRanges string[] = []

@description('Days for which masked vectors and revealed secrets are kept for auditors.')
@minValue(8)
@maxValue(3650)
param auditWindowDays int = 90

@description('Days for which the version of the wrapping key before the newest unwraps: the longest round, and what a message may wait in a queue or among dead letters.')
@minValue(1)
@maxValue(90)
param keyGraceDays int = 14

@description('Days for which an entry of the audit log can be neither changed nor deleted. 2557 days are seven years.')
@minValue(1)
@maxValue(146000)
param auditRetentionDays int = 2557

@description('Locks the retention of the audit log once it is deployed. Locking cannot be undone, by nobody: from then on the retention can only be made longer (five times), and neither the container nor its account can be deleted before the last entry is older than the retention. Until it is locked, whoever may write to the account can remove the policy.')
param lockAuditLog bool = false

@description('The retention is locked already, so the template leaves it alone. infra/hooks/preprovision finds out and says so.')
param auditLogLocked bool = false

@description('Standard, or Premium with private endpoints and capacity of its own.')
@allowed(['Standard', 'Premium'])
param serviceBusSku string = 'Standard'

@description('Consumption is paid per action, Dedicated per capacity unit.')
@allowed(['Consumption', 'Dedicated'])
param durableTaskSku string = 'Consumption'

@description('Capacity units of the scheduler (Dedicated).')
@minValue(1)
@maxValue(3)
param durableTaskCapacity int = 1

@description('premium keeps the coordinator\'s keys in hardware modules. It cannot be changed later, as keys cannot move.')
@allowed(['standard', 'premium'])
param keyVaultSku string = 'standard'

@description('Redundancy of models, uploads and the audit log.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageSku string = 'Standard_ZRS'

@description('Memory of an instance of the coordinator.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Instances of the coordinator at most.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Instances that are always there for orchestrations; 0 is cheaper, and the first event after a pause waits for a start.')
@minValue(0)
@maxValue(20)
param alwaysReadyDurableInstances int = 1

@description('Puts storage, vault and broker behind private endpoints. Needs serviceBusSku Premium.')
param vnetEnabled bool = false

@description('Address space of the network.')
param vnetAddressPrefix string = '10.70.0.0/24'

@description('With vnetEnabled: address ranges of silos that still come over the public endpoints of storage and broker. Empty: those endpoints are off, and silos come through the network.')
param siloIpRanges string[] = []

@description('Days for which logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 90

@description('Who gets mail about alerts and the budget.')
param alertEmails string[] = []

@description('Amount a month above which the budget warns, in the currency of the subscription.')
@minValue(1)
param monthlyBudget int = 200

@description('First day of the month in which the budget begins. infra/hooks/preprovision keeps it.')
param budgetStartDate string = utcNow('yyyy-MM-01')

var abbreviations = loadJsonContent('abbreviations.json')
var roles = loadJsonContent('built-in-roles.json')
var resourceToken = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }

var brokerSku = vnetEnabled && serviceBusSku != 'Premium'
  ? fail('vnetEnabled needs serviceBusSku Premium: only that has private endpoints.')
  : serviceBusSku
var publicNetworkAccess = vnetEnabled && empty(siloIpRanges) ? 'Disabled' : 'Enabled'
var allowedIpRanges = vnetEnabled ? siloIpRanges : []

var blobReaderRoleId = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.storageBlobDataReader)

resource group 'Microsoft.Resources/resourceGroups@2025-04-01' = {
  name: empty(resourceGroupName) ? '${abbreviations.resourcesResourceGroups}${environmentName}' : resourceGroupName
  location: location
  tags: tags
}

// Who: identities and roles.

module identities 'modules/identities.bicep' = {
  scope: group
  params: {
    namePrefix: '${abbreviations.managedIdentityUserAssignedIdentities}${resourceToken}-'
    location: location
    tags: tags
  }
}

module customRoles 'modules/custom-roles.bicep' = {
  scope: group
  params: {
    resourceToken: resourceToken
  }
}

// What: telemetry, storage, broker, scheduler, keys.

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    workspaceName: '${abbreviations.operationalInsightsWorkspaces}${resourceToken}'
    componentName: '${abbreviations.insightsComponents}${resourceToken}'
    location: location
    tags: tags
    retentionInDays: logRetentionDays
    principalId: identities.outputs.host.principalId
  }
}

module storage 'modules/storage.bicep' = {
  scope: group
  params: {
    namePrefix: abbreviations.storageStorageAccounts
    resourceToken: resourceToken
    location: location
    tags: tags
    skuName: storageSku
    publicNetworkAccess: publicNetworkAccess
    allowedIpRanges: allowedIpRanges
    hostPublicNetworkAccess: vnetEnabled ? 'Disabled' : 'Enabled'
    hostPrincipalId: identities.outputs.host.principalId
    workspaceResourceId: monitoring.outputs.workspaceResourceId
    auditRetentionDays: auditRetentionDays
    auditLogLocked: auditLogLocked
  }
}

module broker 'modules/service-bus.bicep' = {
  scope: group
  params: {
    name: '${abbreviations.serviceBusNamespaces}${resourceToken}'
    location: location
    tags: tags
    skuName: brokerSku
    publicNetworkAccess: publicNetworkAccess
    allowedIpRanges: allowedIpRanges
    queues: ['coordinator', 'audit-in', 'vault-events', 'admin-events']
  }
}

module scheduler 'modules/durable-task.bicep' = {
  scope: group
  params: {
    name: '${abbreviations.durableTaskSchedulers}${resourceToken}'
    location: location
    tags: tags
    skuName: durableTaskSku
    skuCapacity: durableTaskCapacity
    taskHubName: 'fedcloud'
    principalId: identities.outputs.orchestrator.principalId
  }
}

module vault 'modules/key-vault.bicep' = {
  scope: group
  params: {
    name: '${abbreviations.keyVaultVaults}${resourceToken}'
    location: location
    tags: tags
    skuName: keyVaultSku
    publicNetworkAccess: vnetEnabled ? 'Disabled' : 'Enabled'
    workspaceResourceId: monitoring.outputs.workspaceResourceId
  }
}

// Who may do what.

module coordinatorAccess 'modules/coordinator-access.bicep' = {
  scope: group
  params: {
    orchestratorPrincipalId: identities.outputs.orchestrator.principalId
    aggregatorPrincipalId: identities.outputs.aggregator.principalId
    logSignerPrincipalId: identities.outputs.logSigner.principalId
    eventsPrincipalId: identities.outputs.events.principalId
    modelsAccountName: storage.outputs.models.name
    auditAccountName: storage.outputs.audit.name
    namespaceName: broker.outputs.name
    vaultName: vault.outputs.name
    blobCreatorRoleId: customRoles.outputs.blobCreator
    blobWriterRoleId: customRoles.outputs.blobWriter
    blobEditorRoleId: customRoles.outputs.blobEditor
    keySignerRoleId: customRoles.outputs.keySigner
    keyUnwrapperRoleId: customRoles.outputs.keyUnwrapper
    keyReaderRoleId: customRoles.outputs.keyReader
  }
}

module auditorAccess 'modules/container-access.bicep' = [
  for auditor in auditors: {
    scope: group
    params: {
      storageAccountName: storage.outputs.audit.name
      roleAssignments: [
        { containerName: 'log', principalId: auditor.principalId, roleDefinitionId: blobReaderRoleId, principalType: auditor.principalType }
        { containerName: 'log-head', principalId: auditor.principalId, roleDefinitionId: blobReaderRoleId, principalType: auditor.principalType }
      ]
    }
  }
]

module siloHomes 'modules/silo.bicep' = [
  for silo in silos: {
    scope: group
    params: {
      silo: silo
      identityName: '${abbreviations.managedIdentityUserAssignedIdentities}${resourceToken}-silo-${silo.id}'
      location: location
      tags: tags
      modelsAccountName: storage.outputs.models.name
      auditAccountName: storage.outputs.audit.name
      namespaceName: broker.outputs.name
      orchestratorPrincipalId: identities.outputs.orchestrator.principalId
      aggregatorPrincipalId: identities.outputs.aggregator.principalId
      blobCreatorRoleId: customRoles.outputs.blobCreator
      blobWriterRoleId: customRoles.outputs.blobWriter
      blobCollectorRoleId: customRoles.outputs.blobCollector
    }
  }
]

// The network.

module network 'modules/network.bicep' = if (vnetEnabled) {
  scope: group
  params: {
    name: '${abbreviations.networkVirtualNetworks}${resourceToken}'
    subnetNamePrefix: abbreviations.networkVirtualNetworksSubnets
    endpointNamePrefix: '${abbreviations.networkPrivateEndpoints}${resourceToken}-'
    location: location
    tags: tags
    addressPrefix: vnetAddressPrefix
    storageAccountResourceIds: {
      host: storage.outputs.host.resourceId
      models: storage.outputs.models.resourceId
      audit: storage.outputs.audit.resourceId
    }
    namespaceResourceId: broker.outputs.resourceId
    vaultResourceId: vault.outputs.resourceId
  }
}

// The coordinator. It starts only when its rights and names are there.

module app 'modules/function-app.bicep' = {
  scope: group
  params: {
    name: '${abbreviations.webSitesFunctions}${resourceToken}'
    serverFarmName: '${abbreviations.webServerFarms}${resourceToken}'
    location: location
    tags: tags
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyDurableInstances: alwaysReadyDurableInstances
    hostIdentity: { resourceId: identities.outputs.host.resourceId, clientId: identities.outputs.host.clientId }
    orchestratorIdentity: { resourceId: identities.outputs.orchestrator.resourceId, clientId: identities.outputs.orchestrator.clientId }
    aggregatorIdentity: { resourceId: identities.outputs.aggregator.resourceId, clientId: identities.outputs.aggregator.clientId }
    logSignerIdentity: { resourceId: identities.outputs.logSigner.resourceId, clientId: identities.outputs.logSigner.clientId }
    hostStorageAccountName: storage.outputs.host.name
    packageContainerUri: '${storage.outputs.host.blobEndpoint}packages'
    federation: federation
    modelsBlobEndpoint: storage.outputs.models.blobEndpoint
    auditBlobEndpoint: storage.outputs.audit.blobEndpoint
    serviceBusFullyQualifiedNamespace: broker.outputs.fullyQualifiedNamespace
    vaultUri: vault.outputs.uri
    auditWindowDays: auditWindowDays
    keyGraceDays: keyGraceDays
    schedulerEndpoint: scheduler.outputs.endpoint
    taskHubName: scheduler.outputs.taskHubName
    applicationInsightsConnectionString: monitoring.outputs.connectionString
    authClientId: authClientId
    allowedIpRanges: operatorIpRanges
    virtualNetworkSubnetResourceId: vnetEnabled ? network!.outputs.appSubnetResourceId : ''
  }
  dependsOn: [coordinatorAccess]
}

// What is watched.

module events 'modules/events.bicep' = {
  scope: group
  params: {
    vaultTopicName: '${abbreviations.eventGridSystemTopics}vault-${resourceToken}'
    administrationTopicName: '${abbreviations.eventGridSystemTopics}admin-${resourceToken}'
    location: location
    tags: tags
    vaultResourceId: vault.outputs.resourceId
    identityResourceId: identities.outputs.events.resourceId
    vaultQueueResourceId: '${broker.outputs.resourceId}/queues/vault-events'
    administrationQueueResourceId: '${broker.outputs.resourceId}/queues/admin-events'
  }
  dependsOn: [coordinatorAccess]
}

module alerts 'modules/alerts.bicep' = {
  scope: group
  params: {
    namePrefix: '${abbreviations.insightsAlertRules}${resourceToken}-'
    actionGroupName: '${abbreviations.insightsActionGroups}${resourceToken}'
    location: location
    tags: tags
    workspaceResourceId: monitoring.outputs.workspaceResourceId
    namespaceResourceId: broker.outputs.resourceId
    emailAddresses: alertEmails
  }
}

module budget 'modules/budget.bicep' = {
  scope: group
  params: {
    name: '${abbreviations.consumptionBudgets}${resourceToken}'
    amount: monthlyBudget
    startDate: budgetStartDate
    contactEmails: alertEmails
  }
}

output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenant().tenantId
output AZURE_RESOURCE_GROUP string = group.name
output SERVICE_COORDINATOR_NAME string = app.outputs.name
output SERVICE_COORDINATOR_URI string = app.outputs.uri
output FEDCLOUD_FEDERATION string = federation
output FEDCLOUD_STORAGE string = storage.outputs.models.blobEndpoint
output FEDCLOUD_AUDIT_STORAGE string = storage.outputs.audit.blobEndpoint
output FEDCLOUD_AUDIT_ACCOUNT string = storage.outputs.audit.name
output FEDCLOUD_SERVICEBUS string = broker.outputs.fullyQualifiedNamespace
output FEDCLOUD_VAULT string = vault.outputs.uri
output FEDCLOUD_LOCK_AUDIT_LOG bool = lockAuditLog
output FEDCLOUD_SILOS array = [
  for (silo, index) in silos: {
    id: siloHomes[index].outputs.id
    kind: siloHomes[index].outputs.kind
    clientId: siloHomes[index].outputs.clientId
  }
]
