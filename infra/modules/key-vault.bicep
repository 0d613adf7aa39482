// The coordinator's three keys. Rights are given on single keys; the vault has no access policies, and no identity may
// make, rotate or disable a key. Making a key that is there changes nothing, so a later deployment keeps all versions.

@description('Name of the vault.')
param name string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('premium keeps the keys in hardware modules (FIPS 140-3 level 3).')
@allowed(['standard', 'premium'])
param skuName string

@description('Whether the public endpoint answers at all.')
@allowed(['Enabled', 'Disabled'])
param publicNetworkAccess string

@description('Workspace for a record of each use of a key.')
param workspaceResourceId string

@description('When this is deployed: the first version of a signing key ends a year later.')
param now string = utcNow()

var isHardware = skuName == 'premium'
var aYearFromNow = dateTimeToEpoch(dateTimeAdd(now, 'P1Y'))

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: skuName
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enablePurgeProtection: true
    enabledForDeployment: false
    enabledForDiskEncryption: false
    enabledForTemplateDeployment: false
    publicNetworkAccess: publicNetworkAccess
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: publicNetworkAccess == 'Enabled' ? 'Allow' : 'Deny'
    }
  }
}

// A new signing key needs a roster that the members sign, so the vault makes none by itself; it only says that one ends soon.
@description('LK: signs checkpoints of the audit log.')
resource logKey 'Microsoft.KeyVault/vaults/keys@2024-11-01' = {
  parent: vault
  name: 'audit-log'
  tags: tags
  properties: {
    kty: isHardware ? 'EC-HSM' : 'EC'
    curveName: 'P-256'
    keyOps: ['sign', 'verify']
    attributes: {
      enabled: true
      exportable: false
      exp: aYearFromNow
    }
    rotationPolicy: {
      attributes: {
        expiryTime: 'P1Y'
      }
      lifetimeActions: [
        {
          trigger: { timeBeforeExpiry: 'P30D' }
          action: { type: 'notify' }
        }
      ]
    }
  }
}

@description('CK: signs the coordinator\'s messages.')
resource messageKey 'Microsoft.KeyVault/vaults/keys@2024-11-01' = {
  parent: vault
  name: 'coordinator-messages'
  tags: tags
  properties: {
    kty: isHardware ? 'EC-HSM' : 'EC'
    curveName: 'P-256'
    keyOps: ['sign', 'verify']
    attributes: {
      enabled: true
      exportable: false
      exp: aYearFromNow
    }
    rotationPolicy: {
      attributes: {
        expiryTime: 'P1Y'
      }
      lifetimeActions: [
        {
          trigger: { timeBeforeExpiry: 'P30D' }
          action: { type: 'notify' }
        }
      ]
    }
  }
}

// Silos wrap with the newest version's public half, at home. A version unwraps for as long as it is enabled. A version that was not followed by
// another one ends after 180 days, and the vault says so 30 days before.
@description('KEK: unwraps the data keys of uploads.')
resource wrappingKey 'Microsoft.KeyVault/vaults/keys@2024-11-01' = {
  parent: vault
  name: 'update-wrapping'
  tags: tags
  properties: {
    kty: isHardware ? 'RSA-HSM' : 'RSA'
    keySize: 3072
    keyOps: ['unwrapKey']
    attributes: {
      enabled: true
      exportable: false
    }
    rotationPolicy: {
      attributes: {
        expiryTime: 'P180D'
      }
      lifetimeActions: [
        {
          trigger: { timeAfterCreate: 'P90D' }
          action: { type: 'rotate' }
        }
        {
          trigger: { timeBeforeExpiry: 'P30D' }
          action: { type: 'notify' }
        }
      ]
    }
  }
}

resource uses 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'uses'
  properties: {
    workspaceId: workspaceResourceId
    logs: [
      { categoryGroup: 'audit', enabled: true }
    ]
  }
}

output name string = vault.name
output resourceId string = vault.id
output uri string = vault.properties.vaultUri
