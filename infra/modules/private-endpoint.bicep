// One service in the network, under its usual name.

@description('Name of the endpoint.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('The subnet.')
param subnetResourceId string

@description('The service.')
param privateLinkServiceResourceId string

@description('Which part of the service.')
@allowed(['blob', 'namespace', 'vault'])
param groupId string

@description('The zone that gets its name.')
param privateDnsZoneResourceId string

resource endpoint 'Microsoft.Network/privateEndpoints@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    subnet: {
      id: subnetResourceId
    }
    privateLinkServiceConnections: [
      {
        name: groupId
        properties: {
          privateLinkServiceId: privateLinkServiceResourceId
          groupIds: [groupId]
        }
      }
    ]
  }
}

resource zoneGroup 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = {
  parent: endpoint
  name: 'default'
  properties: {
    privateDnsZoneConfigs: [
      {
        name: groupId
        properties: {
          privateDnsZoneId: privateDnsZoneResourceId
        }
      }
    ]
  }
}
