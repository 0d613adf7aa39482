// A network for the function app, and a private endpoint for each service, under its usual name.

@description('Name of the network.')
param name string

@description('What the names of the subnets begin with.')
param subnetNamePrefix string

@description('What the names of the private endpoints begin with.')
param endpointNamePrefix string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Address space of the network: a /24 is enough.')
param addressPrefix string

@description('The storage accounts.')
param storageAccountResourceIds { host: string, models: string, audit: string }

@description('The broker.')
param namespaceResourceId string

@description('The vault.')
param vaultResourceId string

var zones = [
  'privatelink.blob.${environment().suffixes.storage}'
  'privatelink.servicebus.windows.net'
  'privatelink.vaultcore.azure.net'
]

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [addressPrefix]
    }
    subnets: [
      {
        name: '${subnetNamePrefix}app'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 0)
          delegations: [
            {
              name: 'flex-consumption'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: '${subnetNamePrefix}private-endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 1)
          privateEndpointNetworkPolicies: 'Enabled'
        }
      }
    ]
  }
}

resource dnsZones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for zone in zones: {
    name: zone
    location: 'global'
    tags: tags
  }
]

resource dnsLinks 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (zone, index) in zones: {
    parent: dnsZones[index]
    name: name
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: network.id
      }
    }
  }
]

module storageEndpoints 'private-endpoint.bicep' = [
  for account in items(storageAccountResourceIds): {
    params: {
      name: '${endpointNamePrefix}${account.key}'
      location: location
      tags: tags
      subnetResourceId: network.properties.subnets[1].id
      privateLinkServiceResourceId: account.value
      groupId: 'blob'
      privateDnsZoneResourceId: dnsZones[0].id
    }
  }
]

module brokerEndpoint 'private-endpoint.bicep' = {
  params: {
    name: '${endpointNamePrefix}broker'
    location: location
    tags: tags
    subnetResourceId: network.properties.subnets[1].id
    privateLinkServiceResourceId: namespaceResourceId
    groupId: 'namespace'
    privateDnsZoneResourceId: dnsZones[1].id
  }
}

module vaultEndpoint 'private-endpoint.bicep' = {
  params: {
    name: '${endpointNamePrefix}vault'
    location: location
    tags: tags
    subnetResourceId: network.properties.subnets[1].id
    privateLinkServiceResourceId: vaultResourceId
    groupId: 'vault'
    privateDnsZoneResourceId: dnsZones[2].id
  }
}

output appSubnetResourceId string = network.properties.subnets[0].id
