metadata description = 'Every role in one place: what the app may do, and what operators may do, each on one resource.'

@description('Name of the app\'s identity. Assignments are named by it: a what-if knows it, unlike the object id.')
param identityName string

@description('Object id of the app\'s identity.')
param appPrincipalId string

@description('Whether the app owns the data of its own queues, see main.bicep.')
param appOwnsQueues bool

@description('Whether the app has the operator\'s page, which tells what waits in each queue and sends it again.')
param withConsole bool

@description('Object id of the Entra group of the operators; empty for none.')
param operatorsGroupId string

@description('Object id of whoever deploys: the pipeline reads the health key for its smoke test.')
param deployerObjectId string

@description('Name of the storage account.')
param storageName string

@description('Names of the tables in it.')
param tableNames string[]

@description('Name of the Service Bus namespace.')
param serviceBusName string

@description('Name of the key vault.')
param vaultName string

@description('Name of the Application Insights component.')
param insightsName string

var roles = {
  'Storage Blob Data Owner': 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  'Storage Table Data Contributor': '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
  'Azure Service Bus Data Owner': '090c5cfd-751d-490a-894a-3ce6f1109419'
  'Azure Service Bus Data Receiver': '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0'
  'Azure Service Bus Data Sender': '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'
  'Monitoring Metrics Publisher': '3913510d-42f4-4e42-8a64-420c390055eb'
  'Key Vault Secrets User': '4633458b-17de-408a-b874-0445c86b69e6'
}
var blobOwner = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Blob Data Owner'])
var tableContributor = subscriptionResourceId(
  'Microsoft.Authorization/roleDefinitions',
  roles['Storage Table Data Contributor']
)
var receiver = subscriptionResourceId(
  'Microsoft.Authorization/roleDefinitions',
  roles['Azure Service Bus Data Receiver']
)
var sender = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Azure Service Bus Data Sender'])
var busOwner = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Azure Service Bus Data Owner'])
var metricsPublisher = subscriptionResourceId(
  'Microsoft.Authorization/roleDefinitions',
  roles['Monitoring Metrics Publisher']
)
var secretsUser = subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Key Vault Secrets User'])
var withOperators = !empty(operatorsGroupId)

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: identityName
}

resource storage 'Microsoft.Storage/storageAccounts@2025-06-01' existing = {
  name: storageName
}

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2025-06-01' existing = {
  parent: storage
  name: 'default'
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-06-01' existing = [
  for table in tableNames: {
    parent: tableService
    name: table
  }
]

resource serviceBus 'Microsoft.ServiceBus/namespaces@2026-01-01' existing = {
  name: serviceBusName
}

resource dataverseEvents 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' existing = {
  parent: serviceBus
  name: 'dataverse-events'
}

resource accountChanges 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' existing = {
  parent: serviceBus
  name: 'account-changes'
}

resource rejectedEvents 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' existing = {
  parent: serviceBus
  name: 'rejected-events'
}

resource loadPages 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' existing = {
  parent: serviceBus
  name: 'load-pages'
}

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' existing = {
  name: vaultName
}

resource healthKey 'Microsoft.KeyVault/vaults/secrets@2026-02-01' existing = {
  parent: vault
  name: 'health-key'
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

// The host keeps its keys, leases and timers in blobs of its own containers, and the package in one of ours.
resource appOwnsBlobs 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storage
  name: guid(storage.id, identity.id, blobOwner)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: blobOwner
  }
}

resource appWritesTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (table, index) in tableNames: {
    scope: tables[index]
    name: guid(tables[index].id, identity.id, tableContributor)
    properties: {
      principalId: appPrincipalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: tableContributor
    }
  }
]

resource appReceivesEvents 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: dataverseEvents
  name: guid(dataverseEvents.id, identity.id, receiver)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: receiver
  }
}

resource appReceivesChanges 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: accountChanges
  name: guid(accountChanges.id, identity.id, receiver)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: receiver
  }
}

resource appSendsChanges 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: accountChanges
  name: guid(accountChanges.id, identity.id, sender)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: sender
  }
}

resource appSendsRejected 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: rejectedEvents
  name: guid(rejectedEvents.id, identity.id, sender)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: sender
  }
}

resource appReceivesPages 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: loadPages
  name: guid(loadPages.id, identity.id, receiver)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: receiver
  }
}

resource appSendsPages 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: loadPages
  name: guid(loadPages.id, identity.id, sender)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: sender
  }
}

// How much waits in a queue is told only to those who manage it. The platform that scales the app from zero asks
// for it with the app's identity; and a first load asks how many changes wait, so that it never delays events.
resource appOwnsEvents 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (appOwnsQueues || withConsole) {
  scope: dataverseEvents
  name: guid(dataverseEvents.id, identity.id, busOwner)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: busOwner
  }
}

resource appOwnsChanges 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (appOwnsQueues || withConsole) {
  scope: accountChanges
  name: guid(accountChanges.id, identity.id, busOwner)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: busOwner
  }
}

resource appOwnsRejected 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (appOwnsQueues || withConsole) {
  scope: rejectedEvents
  name: guid(rejectedEvents.id, identity.id, busOwner)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: busOwner
  }
}

resource appOwnsPages 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (appOwnsQueues || withConsole) {
  scope: loadPages
  name: guid(loadPages.id, identity.id, busOwner)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: busOwner
  }
}

resource appReadsSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, identity.id, secretsUser)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: secretsUser
  }
}

resource appPublishesTelemetry 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: insights
  name: guid(insights.id, identity.id, metricsPublisher)
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: metricsPublisher
  }
}

// Operators: `accountsync` works on the tables, sends, and reads what was rejected or dead-lettered.
resource operatorsWriteTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (table, index) in tableNames: if (withOperators) {
    scope: tables[index]
    name: guid(tables[index].id, operatorsGroupId, tableContributor)
    properties: {
      principalId: operatorsGroupId
      principalType: 'Group'
      roleDefinitionId: tableContributor
    }
  }
]

// Reading how many messages wait is a right of those who manage a queue; so it is this role, queue by queue.
resource operatorsOwnEvents 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (withOperators) {
  scope: dataverseEvents
  name: guid(dataverseEvents.id, operatorsGroupId, busOwner)
  properties: {
    principalId: operatorsGroupId
    principalType: 'Group'
    roleDefinitionId: busOwner
  }
}

resource operatorsOwnChanges 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (withOperators) {
  scope: accountChanges
  name: guid(accountChanges.id, operatorsGroupId, busOwner)
  properties: {
    principalId: operatorsGroupId
    principalType: 'Group'
    roleDefinitionId: busOwner
  }
}

resource operatorsOwnRejected 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (withOperators) {
  scope: rejectedEvents
  name: guid(rejectedEvents.id, operatorsGroupId, busOwner)
  properties: {
    principalId: operatorsGroupId
    principalType: 'Group'
    roleDefinitionId: busOwner
  }
}

resource operatorsOwnPages 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (withOperators) {
  scope: loadPages
  name: guid(loadPages.id, operatorsGroupId, busOwner)
  properties: {
    principalId: operatorsGroupId
    principalType: 'Group'
    roleDefinitionId: busOwner
  }
}

// What would be sent is told from what was sent by its hash, and that takes the key.
resource operatorsReadSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (withOperators) {
  scope: vault
  name: guid(vault.id, operatorsGroupId, secretsUser)
  properties: {
    principalId: operatorsGroupId
    principalType: 'Group'
    roleDefinitionId: secretsUser
  }
}

// The smoke test of a deployment asks with the health key; no other secret can be read with this.
resource deployerReadsHealthKey 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: healthKey
  name: guid(healthKey.id, deployerObjectId, secretsUser)
  properties: {
    principalId: deployerObjectId
    roleDefinitionId: secretsUser
  }
}
