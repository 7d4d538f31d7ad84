metadata description = 'The queues. Dataverse can only send with a SAS key: it gets one that may do nothing else.'

import { Tags } from '../types.bicep'

@description('Name of the namespace.')
param name string

@description('Where it is kept.')
param location string

@description('Tags of every resource.')
param tags Tags

@description('Standard is enough; Premium gives dedicated capacity and private endpoints.')
@allowed(['Standard', 'Premium'])
param sku string

@description('Messaging units of a Premium namespace.')
@allowed([1, 2, 4, 8, 16])
param premiumCapacity int

@description('Where diagnostic logs go.')
param workspaceId string

resource namespace 'Microsoft.ServiceBus/namespaces@2026-01-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: sku
    tier: sku
    capacity: sku == 'Premium' ? premiumCapacity : null
  }
  properties: {
    // Dataverse has no other way to authenticate than a SAS key; the app itself uses its identity.
    disableLocalAuth: false
    minimumTlsVersion: '1.2'
    // Dataverse posts from public addresses.
    publicNetworkAccess: 'Enabled'
  }
}

// What a queue requires cannot be changed once it is there: a change needs a new name or a new namespace.
// The values are those of the local broker's Config.json; a test holds both together.
resource dataverseEvents 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' = {
  parent: namespace
  name: 'dataverse-events'
  properties: {
    requiresSession: false
    requiresDuplicateDetection: false
    lockDuration: 'PT1M'
    maxDeliveryCount: 100
    defaultMessageTimeToLive: 'P14D'
    deadLetteringOnMessageExpiration: true
    maxSizeInMegabytes: 5120
  }
}

resource accountChanges 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' = {
  parent: namespace
  name: 'account-changes'
  properties: {
    requiresSession: true
    requiresDuplicateDetection: true
    duplicateDetectionHistoryTimeWindow: 'PT10M'
    lockDuration: 'PT1M'
    maxDeliveryCount: 100
    defaultMessageTimeToLive: 'P14D'
    deadLetteringOnMessageExpiration: true
    maxSizeInMegabytes: 5120
  }
}

resource rejectedEvents 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' = {
  parent: namespace
  name: 'rejected-events'
  properties: {
    requiresSession: false
    requiresDuplicateDetection: false
    lockDuration: 'PT1M'
    maxDeliveryCount: 100
    defaultMessageTimeToLive: 'P14D'
    deadLetteringOnMessageExpiration: false
    maxSizeInMegabytes: 1024
  }
}

// One message a page of a first load or a reconcile; a page that is sent twice is dropped here.
resource loadPages 'Microsoft.ServiceBus/namespaces/queues@2026-01-01' = {
  parent: namespace
  name: 'load-pages'
  properties: {
    requiresSession: false
    requiresDuplicateDetection: true
    duplicateDetectionHistoryTimeWindow: 'PT10M'
    lockDuration: 'PT1M'
    maxDeliveryCount: 100
    defaultMessageTimeToLive: 'P14D'
    deadLetteringOnMessageExpiration: true
    maxSizeInMegabytes: 1024
  }
}

resource dataverseSend 'Microsoft.ServiceBus/namespaces/queues/authorizationRules@2026-01-01' = {
  parent: dataverseEvents
  name: 'dataverse-send'
  properties: {
    rights: ['Send']
  }
}

// Nothing newer is stable.
#disable-next-line use-recent-api-versions
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: namespace
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'OperationalLogs'
        enabled: true
      }
    ]
    metrics: [
      {
        category: 'AllMetrics'
        enabled: true
      }
    ]
  }
}

@description('Name of the namespace.')
output name string = namespace.name

@description('Resource id of the namespace.')
output id string = namespace.id

@description('Host name of the namespace, without scheme and port.')
output hostName string = replace(replace(namespace.properties.serviceBusEndpoint, 'https://', ''), ':443/', '')

@description('Queue that Dataverse posts to.')
output eventsQueue string = dataverseEvents.name

@description('Name of the rule whose key Dataverse is given; the key itself is no output.')
output sendRule string = dataverseSend.name
