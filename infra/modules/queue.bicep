// A mailbox. The window for duplicates is as long as that of the portable mailbox, and so is the number of deliveries.

@description('The namespace.')
param namespaceName string

@description('Name of the queue.')
param name string

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = {
  name: namespaceName
}

// Whoever fails gives its message back at once: the count has to outlast an outage of the storage.
resource queue 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = {
  parent: namespace
  name: name
  properties: {
    requiresDuplicateDetection: true
    duplicateDetectionHistoryTimeWindow: 'PT10M'
    lockDuration: 'PT1M'
    maxDeliveryCount: 100
    deadLetteringOnMessageExpiration: true
  }
}

output name string = queue.name
output resourceId string = queue.id
