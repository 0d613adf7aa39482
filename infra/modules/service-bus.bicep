// The broker. It has no shared access policies that anybody could use: local authentication is off.

@description('Name of the namespace.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Premium has private endpoints, rules for addresses, and capacity of its own.')
@allowed(['Standard', 'Premium'])
param skuName string

@description('Whether the public endpoint answers at all.')
@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string

@description('Address ranges that the public endpoint answers (Premium); empty: all, each with an Entra token.')
param allowedIpRanges string[]

@description('Names of the queues.')
param queues string[]

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: skuName
    tier: skuName
    capacity: skuName == 'Premium' ? 1 : null
  }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
    publicNetworkAccess: publicNetworkAccess
  }
}

// Event Grid comes as a trusted service, with an identity; nobody else comes past these rules.
resource networkRuleSet 'Microsoft.ServiceBus/namespaces/networkRuleSets@2024-01-01' = if (skuName == 'Premium') {
  parent: namespace
  name: 'default'
  properties: {
    publicNetworkAccess: publicNetworkAccess
    defaultAction: publicNetworkAccess == 'Enabled' && empty(allowedIpRanges) ? 'Allow' : 'Deny'
    trustedServiceAccessEnabled: true
    ipRules: map(allowedIpRanges, addresses => { ipMask: addresses, action: 'Allow' })
  }
}

module mailboxes 'queue.bicep' = [
  for queue in queues: {
    params: {
      namespaceName: namespace.name
      name: queue
    }
  }
]

output name string = namespace.name
output resourceId string = namespace.id
output fullyQualifiedNamespace string = split(replace(namespace.properties.serviceBusEndpoint, 'https://', ''), ':')[0]
