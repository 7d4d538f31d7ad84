metadata name = 'Account Sync'
metadata description = 'All that Account Sync needs in Azure, in one resource group.'

targetScope = 'resourceGroup'

import { AlertThresholds, Settings, Tags, Tuning } from 'types.bicep'

// ---------------------------------------------------------------------------- what differs by environment

@description('Short name of the environment, such as dev, test or prod. Part of every name.')
@minLength(2)
@maxLength(20)
param environmentName string

@description('Where everything is kept.')
param location string = resourceGroup().location

@description('Tags of every resource, besides those that are always set.')
param tags Tags = {}

@description('Address of the Sales environment, such as https://contoso.crm4.dynamics.com.')
param dataverseUrl string

@description('Organization id of the Sales environment; the app rejects the events of any other organization.')
@minLength(36)
@maxLength(36)
param dataverseOrganizationId string

// ---------------------------------------------------------------------------- the ERP
// Only the settings of `target` are set. One that is left empty has the app's own default.

@description('The ERP that customers are written to.')
@allowed(['operations', 'business-central', 'nav'])
param target string = 'operations'

@description('Operations: address of the environment, such as https://contoso.operations.dynamics.com.')
param operationsUrl string = ''

@description('Operations: legal entity that customers are written to.')
param operationsCompany string = ''

@description('Operations: customer group of the customers that are written.')
param operationsCustomerGroup string = ''

@description('''
Business Central: address of the environment, with tenant and environment, such as
https://api.businesscentral.dynamics.com/v2.0/contoso.com/production.
''')
param businessCentralUrl string = ''

@description('Business Central: name of the company that customers are written to.')
param businessCentralCompany string = ''

@description('Business Central: path of the API, if it is a custom API page.')
param businessCentralApiPath string = ''

@description('Business Central: currency code that is sent as blank, where the ledger names none.')
param businessCentralLocalCurrency string = ''

@description('''
Business Central: how the app signs in. As an application of yours: its secret or certificate is put into the
vault by a person and never passes through a deployment. Or with the app's own identity (managed-identity),
which was not tried on a live environment.
''')
@allowed(['secret', 'certificate', 'managed-identity'])
param businessCentralSignIn string = 'secret'

@description('Business Central: client id of that application.')
param businessCentralClientId string = ''

@description('Business Central: tenant of that application.')
param businessCentralTenantId string = subscription().tenantId

@description('Business Central: scope of the tokens, if it is not that of the public cloud.')
param businessCentralScope string = ''

@description('NAV: address of the server instance, such as https://nav.contoso.com:7048/DynamicsNAV110.')
param navUrl string = ''

@description('NAV: name of the company that customers are written to.')
param navCompany string = ''

@description('NAV: name under which page 21 (Customer Card) is published, if it is not Customer.')
param navService string = ''

@description('NAV: name under which page 5 (Currencies) is published, if it is not Currencies.')
param navCurrencyService string = ''

@description('NAV: OData version; v3 where NAV has only that.')
@allowed(['v4', 'v3'])
param navProtocol string = 'v4'

@description('NAV: user with a web service access key; the key is put into the vault by a person.')
param navUser string = ''

@description('NAV: file in the package with the certificate of your own certificate authority, in PEM.')
param navCaFile string = ''

@description('NAV: code of the company\'s own currency, which NAV stores as blank.')
param navLocalCurrency string = ''

// ---------------------------------------------------------------------------- how the app behaves

@description('Field map: one that comes with the app, or the path of a file of your own; empty for the target\'s.')
param fieldMap string = ''

@description('Dataverse systemuserid of the app\'s own user, once it is there: its write-backs are no events.')
param integrationUserId string = ''

@description('Sessions that accounts are spread over: the cap on concurrent work. Business Central takes 4 at most.')
@minValue(1)
@maxValue(8)
param syncPartitions int = target == 'business-central' ? 4 : 8

@description('What to do when a customer of an account\'s number is there already.')
@allowed(['match', 'adopt', 'park'])
param existingCustomer string = 'match'

@description('What becomes of the customer of a deleted account.')
@allowed(['block', 'ignore'])
param onDelete string = 'block'

@description('What becomes of the customer of a deactivated account.')
@allowed(['block', 'ignore'])
param onDeactivate string = 'block'

@description('Where the app\'s own spans and metrics go. otlp needs OTEL_EXPORTER_OTLP_ENDPOINT in `tuning`.')
@allowed(['azure-monitor', 'otlp', 'none'])
param telemetry string = 'azure-monitor'

@description('The app\'s further settings, by their names; what is left out has the app\'s own default.')
param tuning Tuning = {}

@description('Settings that only a field map of your own names, such as SALES_TAX_GROUP.')
param fieldMapSettings Settings = {}

// ---------------------------------------------------------------------------- size and cost

@description('Tier of the Service Bus. Private endpoints and dedicated capacity need Premium.')
@allowed(['Standard', 'Premium'])
param serviceBusSku string = 'Standard'

@description('Messaging units of a Premium Service Bus.')
@allowed([1, 2, 4, 8, 16])
param serviceBusCapacity int = 1

@description('Replication of the tables.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageSku string = 'Standard_LRS'

@description('Megabytes of memory of an instance.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Most instances of a function; 40 is the least that the platform takes.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Instances of sync_account that are kept warm: 0 is cheapest, 1 spares the cold start.')
@minValue(0)
@maxValue(10)
param alwaysReadyInstances int = 0

@description('Whether instances are spread over availability zones.')
param zoneRedundant bool = false

@description('Days that logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('Most gigabytes of logs a day; -1 for no limit.')
param logDailyQuotaGb int = -1

// ---------------------------------------------------------------------------- alerts

@description('Who is sent the alerts.')
param alertEmails string[] = []

@description('Resource id of a Logic App that posts the alerts to a channel of Teams; empty for none.')
param alertLogicAppId string = ''

@description('Address at which that Logic App is called. It holds a signature: give it at the deployment only.')
@secure()
param alertLogicAppCallbackUrl string = ''

@description('''
Address of docs/on-call.md where on-call engineers read it. Each alert carries the link to its section; empty
for none.
''')
param runbookBaseUrl string = ''

@description('When somebody is told.')
param alertThresholds AlertThresholds = {
  parked: 1
  oldestMinutes: 30
  failurePercent: 20
  throttled: 10
  backlog: 1000
  silenceWindow: ''
}

// ---------------------------------------------------------------------------- access and secrets

@description('''
Client id of the application in Entra ID that signs people in to the operator's page; empty for no page.
docs/deploy.md registers it.
''')
param consoleClientId string = ''

@description('Object id of the Entra group whose members operate the app with accountsync; empty for none.')
param operatorsGroupId string = ''

@description('''
Whether the app owns the data of its own queues (Azure Service Bus Data Owner on each of them and on nothing
else). Sending and receiving take less, but only those who manage a queue are told how much waits in it. The
platform that starts the app from zero asks for that with the app's identity: Microsoft's own template grants it.
And a first load asks, so that events never wait behind it. Without it, keep an instance warm
(alwaysReadyInstances) or watch that a first event is taken up; a load then counts its own checks instead.
''')
param appOwnsQueues bool = true

@description('Whether app and storage are reached through a network of their own.')
param privateNetworking bool = false

@description('Addresses of that network: a /24 or larger that nothing else uses, where it is connected to others.')
param networkAddressPrefix string = '10.20.0.0/24'

@description('''
DNS servers of that network, where it has to resolve names of your own, such as NAV's host. They must pass on
what they do not know to Azure's DNS (168.63.129.16), or the app does not find its storage. Empty for Azure's.
''')
param networkDnsServers string[] = []

@description('''
Resource id of a subnet of your own network, which the app's outgoing traffic takes instead: how it reaches a
NAV server there. Delegated to Microsoft.App/environments, used by nothing else. Not with privateNetworking.
''')
param appSubnetId string = ''

@description('Half of the key that hashes are made with. Never given: the first deployment takes what is made here.')
@secure()
param fingerprintKey string = newGuid()

@description('The other half.')
@secure()
param fingerprintKeyMore string = newGuid()

@description('The key that makes health tell more; never given.')
@secure()
param healthKey string = newGuid()

// ---------------------------------------------------------------------------- names and parts

var token = toLower(uniqueString(subscription().id, resourceGroup().id, environmentName))
var allTags = union(tags, {
  application: 'account-sync'
  environment: environmentName
  'azd-env-name': environmentName
})
var appName = 'func-accountsync-${environmentName}-${take(token, 6)}'
// Known before a deployment, so that a what-if can show the roles, which are on these resources.
var identityName = 'id-accountsync-${environmentName}'
var insightsName = 'appi-accountsync-${environmentName}'
var storageName = 'stacctsync${token}'
var serviceBusName = 'sb-accountsync-${environmentName}-${take(token, 6)}'
var vaultName = 'kv-acctsync-${take(token, 12)}'
// The names are those of shared/storage/tables.py; a test holds both together.
var tableNames = [
  'CurrencyMapping'
  'ValueMappings'
  'AccountSync'
  'CustomerOwners'
  'Issues'
  'Control'
]

var signInToBusinessCentral = {
  secret: {
    BUSINESS_CENTRAL_TENANT_ID: businessCentralTenantId
    BUSINESS_CENTRAL_CLIENT_ID: businessCentralClientId
    BUSINESS_CENTRAL_CLIENT_SECRET: '@Microsoft.KeyVault(SecretUri=${keyVault.outputs.businessCentralSecretUri})'
  }
  certificate: {
    BUSINESS_CENTRAL_TENANT_ID: businessCentralTenantId
    BUSINESS_CENTRAL_CLIENT_ID: businessCentralClientId
    BUSINESS_CENTRAL_CERTIFICATE: '@Microsoft.KeyVault(SecretUri=${keyVault.outputs.businessCentralCertificateUri})'
  }
  'managed-identity': {}
}
var settingsOfTargets = {
  operations: {
    OPERATIONS_URL: operationsUrl
    OPERATIONS_COMPANY: operationsCompany
    OPERATIONS_CUSTOMER_GROUP: operationsCustomerGroup
  }
  'business-central': union(signInToBusinessCentral[businessCentralSignIn], {
    BUSINESS_CENTRAL_URL: businessCentralUrl
    BUSINESS_CENTRAL_COMPANY: businessCentralCompany
    BUSINESS_CENTRAL_API_PATH: businessCentralApiPath
    BUSINESS_CENTRAL_LOCAL_CURRENCY: businessCentralLocalCurrency
    BUSINESS_CENTRAL_SCOPE: businessCentralScope
  })
  nav: {
    NAV_URL: navUrl
    NAV_COMPANY: navCompany
    NAV_SERVICE: navService
    NAV_CURRENCY_SERVICE: navCurrencyService
    NAV_PROTOCOL: navProtocol
    NAV_USER: navUser
    NAV_ACCESS_KEY: '@Microsoft.KeyVault(SecretUri=${keyVault.outputs.navAccessKeyUri})'
    NAV_CA_FILE: navCaFile
    NAV_LOCAL_CURRENCY: navLocalCurrency
  }
}

module identity 'modules/identity.bicep' = {
  params: {
    name: identityName
    location: location
    tags: allTags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  params: {
    workspaceName: 'log-accountsync-${environmentName}'
    insightsName: insightsName
    location: location
    tags: allTags
    retentionInDays: logRetentionDays
    dailyQuotaGb: logDailyQuotaGb
  }
}

module storage 'modules/storage.bicep' = {
  params: {
    name: storageName
    tableNames: tableNames
    location: location
    tags: allTags
    sku: storageSku
    publicNetworkAccess: !privateNetworking
    workspaceId: monitoring.outputs.workspaceId
  }
}

module serviceBus 'modules/service_bus.bicep' = {
  params: {
    name: serviceBusName
    location: location
    tags: allTags
    sku: serviceBusSku
    premiumCapacity: serviceBusCapacity
    workspaceId: monitoring.outputs.workspaceId
  }
}

module keyVault 'modules/key_vault.bicep' = {
  params: {
    name: vaultName
    location: location
    tags: allTags
    fingerprintKey: '${fingerprintKey}${fingerprintKeyMore}'
    healthKey: healthKey
    workspaceId: monitoring.outputs.workspaceId
  }
}

module access 'modules/access.bicep' = {
  dependsOn: [storage, serviceBus, keyVault, monitoring]
  params: {
    identityName: identityName
    appPrincipalId: identity.outputs.principalId
    appOwnsQueues: appOwnsQueues
    withConsole: !empty(consoleClientId)
    operatorsGroupId: operatorsGroupId
    deployerObjectId: deployer().objectId
    storageName: storageName
    tableNames: tableNames
    serviceBusName: serviceBusName
    vaultName: vaultName
    insightsName: insightsName
  }
}

module network 'modules/network.bicep' = if (privateNetworking) {
  params: {
    name: 'vnet-accountsync-${environmentName}'
    location: location
    tags: allTags
    addressPrefix: networkAddressPrefix
    dnsServers: networkDnsServers
    storageId: storage.outputs.id
    serviceBusId: serviceBus.outputs.id
    withServiceBus: serviceBusSku == 'Premium'
  }
}

module functionApp 'modules/function_app.bicep' = {
  // The app reads its keys and its package with its roles, from the first start on.
  dependsOn: [access]
  params: {
    planName: 'plan-accountsync-${environmentName}'
    appName: appName
    location: location
    tags: allTags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    packageUrl: storage.outputs.packageUrl
    storageName: storage.outputs.name
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyInstances: alwaysReadyInstances
    zoneRedundant: zoneRedundant
    subnetId: privateNetworking ? network!.outputs.appSubnetId : appSubnetId
    insightsConnectionString: monitoring.outputs.connectionString
    workspaceId: monitoring.outputs.workspaceId
    serviceBusHostName: serviceBus.outputs.hostName
    tableEndpoint: storage.outputs.tableEndpoint
    fingerprintKeyUri: keyVault.outputs.fingerprintKeyUri
    healthKeyUri: keyVault.outputs.healthKeyUri
    consoleClientId: consoleClientId
    tuning: tuning
    fieldMapSettings: fieldMapSettings
    targetSettings: settingsOfTargets[target]
    appSettings: {
      DATAVERSE_URL: dataverseUrl
      DATAVERSE_ORGANIZATION_ID: dataverseOrganizationId
      TARGET: target
      FIELD_MAP: fieldMap
      CONSOLE_LOGIN: empty(consoleClientId) ? 'off' : 'easy-auth'
      INTEGRATION_USER_ID: integrationUserId
      SYNC_PARTITIONS: string(syncPartitions)
      EXISTING_CUSTOMER: existingCustomer
      ON_DELETE: onDelete
      ON_DEACTIVATE: onDeactivate
      TELEMETRY: telemetry
    }
  }
}

module alerts 'modules/alerts.bicep' = {
  params: {
    actionGroupName: 'ag-accountsync-${environmentName}'
    prefix: 'accountsync-${environmentName}'
    location: location
    tags: allTags
    emails: alertEmails
    logicAppId: alertLogicAppId
    logicAppCallbackUrl: alertLogicAppCallbackUrl
    runbookBaseUrl: runbookBaseUrl
    workspaceId: monitoring.outputs.workspaceId
    serviceBusId: serviceBus.outputs.id
    storageId: storage.outputs.id
    thresholds: alertThresholds
  }
}

module workbook 'modules/workbook.bicep' = {
  params: {
    displayName: 'Account Sync (${environmentName})'
    location: location
    tags: allTags
    workspaceId: monitoring.outputs.workspaceId
    serviceBusId: serviceBus.outputs.id
  }
}

// ---------------------------------------------------------------------------- for pipelines and people

output AZURE_LOCATION string = location
output AZURE_RESOURCE_GROUP string = resourceGroup().name
output AZURE_FUNCTION_NAME string = functionApp.outputs.name
output FUNCTION_URL string = functionApp.outputs.url
output SERVICE_BUS_NAMESPACE string = serviceBus.outputs.name
output SERVICE_BUS_HOST string = serviceBus.outputs.hostName
output EVENTS_QUEUE string = serviceBus.outputs.eventsQueue
output DATAVERSE_SEND_RULE string = serviceBus.outputs.sendRule
output TABLES_ENDPOINT string = storage.outputs.tableEndpoint
output STORAGE_ACCOUNT string = storage.outputs.name
output KEY_VAULT_NAME string = keyVault.outputs.name
output IDENTITY_CLIENT_ID string = identity.outputs.clientId
output IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId
output LOG_WORKSPACE_ID string = monitoring.outputs.workspaceId
output OPERATOR_SETTINGS string = functionApp.outputs.operatorSettings
