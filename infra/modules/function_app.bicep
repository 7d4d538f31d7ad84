metadata description = 'The function app on a Flex Consumption plan, and every setting that it runs with.'

import { Settings, Tags, Tuning } from '../types.bicep'

@description('Name of the plan.')
param planName string

@description('Name of the app; also its host name.')
param appName string

@description('Where it runs.')
param location string

@description('Tags of every resource.')
param tags Tags

@description('Resource id of the identity that the app acts with.')
param identityId string

@description('Client id of that identity.')
param identityClientId string

@description('Address of the container that packages are deployed to.')
param packageUrl string

@description('Name of the storage account of the host.')
param storageName string

@description('Megabytes of memory of an instance.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int

@description('Most instances of a function. What caps the load on the ERP are the sessions, not this.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int

@description('Instances of sync_account that are kept warm.')
@minValue(0)
@maxValue(10)
param alwaysReadyInstances int

@description('Whether instances are spread over availability zones.')
param zoneRedundant bool

@description('Resource id of the subnet for outgoing traffic; empty for none.')
param subnetId string

@description('Where telemetry is sent to.')
param insightsConnectionString string

@description('Where diagnostic logs go.')
param workspaceId string

@description('Host name of the Service Bus namespace.')
param serviceBusHostName string

@description('Address of the Table service.')
param tableEndpoint string

@description('Address of the secret FINGERPRINT_KEY.')
param fingerprintKeyUri string

@description('Address of the secret HEALTH_KEY.')
param healthKeyUri string

@description('Client id of the application that signs people in to the operator\'s page; empty for no page.')
param consoleClientId string

@description('Settings of the ERP that customers are written to, by the name of the setting.')
param targetSettings Settings

@description('Settings of the app itself, by the name of the setting.')
param appSettings Settings

@description('More settings of the app, by the name of the setting.')
param tuning Tuning

@description('Settings that only the field map names; the app\'s own settings take precedence.')
param fieldMapSettings Settings

// What accountsync needs too, on a person's own machine; keys and secrets are addresses in the vault.
var settingsOfTheApp = union(fieldMapSettings, tuning, targetSettings, appSettings, {
  ServiceBus__fullyQualifiedNamespace: serviceBusHostName
  TABLES_ENDPOINT: tableEndpoint
  FINGERPRINT_KEY: '@Microsoft.KeyVault(SecretUri=${fingerprintKeyUri})'
  HEALTH_KEY: '@Microsoft.KeyVault(SecretUri=${healthKeyUri})'
})

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    tier: 'FlexConsumption'
    name: 'FC1'
  }
  properties: {
    reserved: true
    zoneRedundant: zoneRedundant
  }
}

resource app 'Microsoft.Web/sites@2025-03-01' = {
  name: appName
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageUrl
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyInstances == 0
          ? []
          : [
              {
                name: 'function:sync_account'
                instanceCount: alwaysReadyInstances
              }
            ]
      }
    }
  }
}

resource settings 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: app
  name: 'appsettings'
  properties: union(settingsOfTheApp, {
    APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
    APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
    // The exporter's own reports to Microsoft, its remote control, and its counts in this workspace.
    APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL: 'true'
    APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED: 'true'
    APPLICATIONINSIGHTS_SDKSTATS_DISABLED: 'true'
    AzureWebJobsStorage__accountName: storageName
    AzureWebJobsStorage__credential: 'managedidentity'
    AzureWebJobsStorage__clientId: identityClientId
    ServiceBus__credential: 'managedidentity'
    ServiceBus__clientId: identityClientId
    AZURE_CLIENT_ID: identityClientId
    // The sign-in of the operator's page proves itself with the app's identity instead of a secret.
    OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identityClientId
    CREDENTIAL: 'managed-identity'
  })
}

// Dataverse's webhook and the smoke test bring keys; everything else is for people who have signed in.
resource login 'Microsoft.Web/sites/config@2025-03-01' = if (!empty(consoleClientId)) {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: true
      runtimeVersion: '~1'
    }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'RedirectToLoginPage'
      redirectToProvider: 'azureActiveDirectory'
      excludedPaths: [
        '/api/dataverse/events'
        '/api/health'
      ]
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: consoleClientId
          openIdIssuer: '${environment().authentication.loginEndpoint}${subscription().tenantId}/v2.0'
          clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
        }
        validation: {
          allowedAudiences: [
            consoleClientId
          ]
          defaultAuthorizationPolicy: {
            allowedApplications: [
              consoleClientId
            ]
          }
        }
      }
    }
    httpSettings: {
      requireHttps: true
    }
    login: {
      tokenStore: {
        enabled: false
      }
    }
  }
}

resource noPasswordForPublishing 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'scm'
  properties: {
    allow: false
  }
}

resource noPasswordForFtp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: app
  name: 'ftp'
  properties: {
    allow: false
  }
}

// Nothing newer is stable.
#disable-next-line use-recent-api-versions
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: app
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    metrics: [
      {
        category: 'AllMetrics'
        enabled: true
      }
    ]
  }
}

@description('Name of the app.')
output name string = app.name

@description('Address of the app.')
output url string = 'https://${app.properties.defaultHostName}'

@description('The settings that accountsync needs, as JSON; keys only as references to the vault.')
output operatorSettings string = string(settingsOfTheApp)
