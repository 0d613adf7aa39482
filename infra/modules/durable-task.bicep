// The scheduler that keeps the orchestrations.

@description('Name of the scheduler.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Consumption is paid per action, Dedicated per capacity unit.')
@allowed(['Consumption', 'Dedicated'])
param skuName string

@description('Capacity units (Dedicated).')
@minValue(1)
@maxValue(3)
param skuCapacity int

@description('Name of the task hub.')
param taskHubName string

@description('Whose orchestrations run here.')
param principalId string

var roles = loadJsonContent('../built-in-roles.json')

resource scheduler 'Microsoft.DurableTask/schedulers@2025-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    // Every caller needs an Entra token; the service has no private endpoint in this version.
    ipAllowlist: ['0.0.0.0/0']
    sku: skuName == 'Dedicated'
      ? {
          name: skuName
          capacity: skuCapacity
        }
      : {
          name: skuName
        }
  }
}

resource taskHub 'Microsoft.DurableTask/schedulers/taskHubs@2025-11-01' = {
  parent: scheduler
  name: taskHubName
}

resource right 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: taskHub
  name: guid(taskHub.id, principalId, roles.durableTaskDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles.durableTaskDataContributor)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

output endpoint string = scheduler.properties.endpoint
output taskHubName string = taskHub.name
