// The coordinator on a Flex Consumption plan.

@description('Name of the app.')
param name string

@description('Name of the plan.')
param serverFarmName string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('Memory of an instance.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int

@description('Instances at most.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int

@description('Instances that are always there for orchestrations; 0: the first event after a pause waits for a start.')
@minValue(0)
@maxValue(20)
param alwaysReadyDurableInstances int

@description('The host\'s own identity: package, host storage, telemetry.')
param hostIdentity { resourceId: string, clientId: string }

@description('The identities that the code picks by what it does.')
param orchestratorIdentity { resourceId: string, clientId: string }
param aggregatorIdentity { resourceId: string, clientId: string }
param logSignerIdentity { resourceId: string, clientId: string }

@description('The host\'s storage account.')
param hostStorageAccountName string

@description('Where the deployed package lies.')
param packageContainerUri string

@description('What the code reads.')
param federation string
param modelsBlobEndpoint string
param auditBlobEndpoint string
param serviceBusFullyQualifiedNamespace string
param vaultUri string
param auditWindowDays int
param keyGraceDays int
param schedulerEndpoint string
param taskHubName string
param applicationInsightsConnectionString string

@description('Entra application of the API; empty: nobody reaches the API.')
param authClientId string

@description('Address ranges that may call the API; empty: all, each with an Entra token.')
param allowedIpRanges string[]

@description('Subnet of the app; empty: none.')
param virtualNetworkSubnetResourceId string

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: serverFarmName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'coordinator' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${hostIdentity.resourceId}': {}
      '${orchestratorIdentity.resourceId}': {}
      '${aggregatorIdentity.resourceId}': {}
      '${logSignerIdentity.resourceId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    publicNetworkAccess: 'Enabled'
    virtualNetworkSubnetId: empty(virtualNetworkSubnetResourceId) ? null : virtualNetworkSubnetResourceId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageContainerUri
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: hostIdentity.resourceId
          }
        }
      }
      runtime: {
        name: 'dotnet-isolated'
        version: '10.0'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyDurableInstances == 0
          ? []
          : [
              {
                name: 'durable'
                instanceCount: alwaysReadyDurableInstances
              }
            ]
      }
    }
    siteConfig: {
      ftpsState: 'Disabled'
      http20Enabled: true
      minTlsVersion: '1.2'
      // Without an application there is nobody who could be let in: the front door is shut. The deployment's door
      // (scm) stays open to those who may deploy; it takes Entra tokens only, see below.
      ipSecurityRestrictionsDefaultAction: empty(authClientId) || !empty(allowedIpRanges) ? 'Deny' : 'Allow'
      ipSecurityRestrictions: empty(authClientId)
        ? []
        : map(allowedIpRanges, (addresses, index) => {
            name: 'operators-${index}'
            action: 'Allow'
            ipAddress: addresses
            priority: 100 + index
          })
      scmIpSecurityRestrictionsUseMain: false
      scmIpSecurityRestrictionsDefaultAction: 'Allow'
    }
  }
}

resource settings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: {
    FEDCLOUD_FEDERATION: federation
    FEDCLOUD_STORAGE: modelsBlobEndpoint
    FEDCLOUD_AUDIT_STORAGE: auditBlobEndpoint
    FEDCLOUD_SERVICEBUS: serviceBusFullyQualifiedNamespace
    FEDCLOUD_VAULT: vaultUri
    FEDCLOUD_ORCHESTRATOR_CLIENT_ID: orchestratorIdentity.clientId
    FEDCLOUD_AGGREGATOR_CLIENT_ID: aggregatorIdentity.clientId
    FEDCLOUD_LOG_SIGNER_CLIENT_ID: logSignerIdentity.clientId
    FEDCLOUD_AUDIT_WINDOW: string(auditWindowDays)
    FEDCLOUD_KEY_GRACE: string(keyGraceDays)
    FEDCLOUD_AUTH_CLIENT_ID: authClientId
    AzureWebJobsStorage__accountName: hostStorageAccountName
    AzureWebJobsStorage__credential: 'managedidentity'
    AzureWebJobsStorage__clientId: hostIdentity.clientId
    ServiceBus__fullyQualifiedNamespace: serviceBusFullyQualifiedNamespace
    ServiceBus__credential: 'managedidentity'
    ServiceBus__clientId: orchestratorIdentity.clientId
    DURABLE_TASK_SCHEDULER_CONNECTION_STRING: 'Endpoint=${schedulerEndpoint};TaskHub=${taskHubName};Authentication=ManagedIdentity;ClientID=${orchestratorIdentity.clientId}'
    TASKHUB_NAME: taskHubName
    APPLICATIONINSIGHTS_CONNECTION_STRING: applicationInsightsConnectionString
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${hostIdentity.clientId};Authorization=AAD'
  }
}

// Every request but those for /health and for the dashboard's files, which hold no data, carries a token of this tenant
// for this application, or gets 401. Which role may do what (Auditor, Operator) is the code's to decide, from the token's roles.
resource authentication 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: true
    }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'Return401'
      excludedPaths: ['/health', '/dashboard', '/dashboard/*']
    }
    httpSettings: {
      requireHttps: true
    }
    identityProviders: empty(authClientId)
      ? {}
      : {
          azureActiveDirectory: {
            enabled: true
            registration: {
              clientId: authClientId
              openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
            }
            validation: {
              allowedAudiences: [
                authClientId
                'api://${authClientId}'
              ]
            }
          }
        }
    login: {
      tokenStore: {
        enabled: false
      }
    }
  }
  dependsOn: [settings]
}

resource ftpPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource deploymentPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

output name string = app.name
output resourceId string = app.id
output uri string = 'https://${app.properties.defaultHostName}'
