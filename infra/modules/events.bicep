// What happens to the vault's keys, and what administrators do in the resource group, comes into queues, from which the
// coordinator logs it. Delivery is by identity: the broker takes no keys.

@description('Name of the topic of the vault.')
param vaultTopicName string

@description('Name of the topic of the resource group.')
param administrationTopicName string

@description('Region of the vault.')
param location string

@description('Tags.')
param tags object

@description('The vault.')
param vaultResourceId string

@description('The identity that delivers. It may send to both queues.')
param identityResourceId string

@description('Takes what happens to keys.')
param vaultQueueResourceId string

@description('Takes administrative actions.')
param administrationQueueResourceId string

resource vaultTopic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: vaultTopicName
  location: location
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityResourceId}': {}
    }
  }
  properties: {
    source: vaultResourceId
    topicType: 'Microsoft.KeyVault.vaults'
  }
}

resource vaultEvents 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: vaultTopic
  name: 'keys'
  properties: {
    eventDeliverySchema: 'CloudEventSchemaV1_0'
    deliveryWithResourceIdentity: {
      identity: {
        type: 'UserAssigned'
        userAssignedIdentity: identityResourceId
      }
      destination: {
        endpointType: 'ServiceBusQueue'
        properties: {
          resourceId: vaultQueueResourceId
        }
      }
    }
    filter: {
      includedEventTypes: [
        'Microsoft.KeyVault.KeyNewVersionCreated'
        'Microsoft.KeyVault.KeyNearExpiry'
        'Microsoft.KeyVault.KeyExpired'
      ]
    }
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
  }
}

resource administrationTopic 'Microsoft.EventGrid/systemTopics@2025-02-15' = {
  name: administrationTopicName
  location: 'global'
  tags: tags
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityResourceId}': {}
    }
  }
  properties: {
    source: resourceGroup().id
    topicType: 'Microsoft.Resources.ResourceGroups'
  }
}

resource administrationEvents 'Microsoft.EventGrid/systemTopics/eventSubscriptions@2025-02-15' = {
  parent: administrationTopic
  name: 'administration'
  properties: {
    eventDeliverySchema: 'CloudEventSchemaV1_0'
    deliveryWithResourceIdentity: {
      identity: {
        type: 'UserAssigned'
        userAssignedIdentity: identityResourceId
      }
      destination: {
        endpointType: 'ServiceBusQueue'
        properties: {
          resourceId: administrationQueueResourceId
        }
      }
    }
    filter: {
      includedEventTypes: [
        'Microsoft.Resources.ResourceWriteSuccess'
        'Microsoft.Resources.ResourceDeleteSuccess'
        'Microsoft.Resources.ResourceActionSuccess'
      ]
      // The vault and its keys, roles, whatever could weaken the storage of the log, and the deployed code and its settings.
      advancedFilters: [
        {
          operatorType: 'StringBeginsWith'
          key: 'data.operationName'
          values: [
            'Microsoft.KeyVault/'
            'Microsoft.Authorization/roleAssignments/'
            'Microsoft.Authorization/roleDefinitions/'
            'Microsoft.Storage/storageAccounts/write'
            'Microsoft.Storage/storageAccounts/delete'
            'Microsoft.Storage/storageAccounts/listKeys/'
            'Microsoft.Storage/storageAccounts/regenerateKey/'
            'Microsoft.Storage/storageAccounts/blobServices/'
            'Microsoft.Storage/storageAccounts/managementPolicies/'
            'Microsoft.Web/sites/'
          ]
        }
      ]
    }
    retryPolicy: {
      maxDeliveryAttempts: 30
      eventTimeToLiveInMinutes: 1440
    }
  }
}
