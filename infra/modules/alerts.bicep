metadata description = 'Who is told of what: alerts over the metrics of the queues and of the storage, and the log alerts.'

@description('Name of the action group.')
param actionGroupName string

@description('Beginning of the names of the alerts.')
param prefix string

@description('Where the log alerts are kept.')
param location string

@description('Tags of every resource.')
param tags object

@description('Who is sent an e-mail.')
param emails array

@description('Resource id of the workspace.')
param workspaceId string

@description('Resource id of the Service Bus namespace.')
param serviceBusId string

@description('Resource id of the storage account.')
param storageId string

@description('Accounts parked within an hour before somebody is told.')
param parkedThreshold int

@description('Minutes that an event may go unsettled before somebody is told.')
param oldestMinutes int

@description('Percent of the messages of a quarter of an hour that may end in a retry or parked.')
@minValue(1)
@maxValue(100)
param failurePercent int

@description('Answers 429 within a quarter of an hour before somebody is told.')
param throttledThreshold int

@description('Messages waiting in account-changes for a quarter of an hour before somebody is told.')
param backlogThreshold int

@description('How long no event at all may come in; empty where silence is usual.')
@allowed(['', 'PT1H', 'PT6H', 'PT12H', 'P1D', 'P2D'])
param silenceWindow string

resource actionGroup 'Microsoft.Insights/actionGroups@2024-10-01-preview' = {
  name: actionGroupName
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'acctsync'
    emailReceivers: [
      for (email, index) in emails: {
        name: 'email-${index}'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

module logAlerts 'log_alerts.bicep' = {
  name: 'log-alerts'
  params: {
    prefix: prefix
    location: location
    tags: tags
    workspaceId: workspaceId
    actionGroupId: actionGroup.id
    parkedThreshold: parkedThreshold
    oldestMinutes: oldestMinutes
    failurePercent: failurePercent
    throttledThreshold: throttledThreshold
    silenceWindow: silenceWindow
  }
}

var metricRules = [
  {
    name: 'dead-letters'
    description: 'The broker gave up on a message: hosts crash, or it waited for 14 days. "accountsync dead-letters list" shows it.'
    severity: 1
    scope: serviceBusId
    namespace: 'Microsoft.ServiceBus/namespaces'
    metric: 'DeadletteredMessages'
    dimensions: [
      {
        name: 'EntityName'
        operator: 'Include'
        values: ['dataverse-events', 'account-changes']
      }
    ]
    aggregation: 'Maximum'
    window: 'PT5M'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'rejected'
    description: 'Events could not be understood. "accountsync rejected list" shows why.'
    severity: 2
    scope: serviceBusId
    namespace: 'Microsoft.ServiceBus/namespaces'
    metric: 'ActiveMessages'
    dimensions: [
      {
        name: 'EntityName'
        operator: 'Include'
        values: ['rejected-events']
      }
    ]
    aggregation: 'Maximum'
    window: 'PT15M'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'backlog'
    description: 'Work piles up: a system is down, paused, or too slow.'
    severity: 3
    scope: serviceBusId
    namespace: 'Microsoft.ServiceBus/namespaces'
    metric: 'ActiveMessages'
    dimensions: [
      {
        name: 'EntityName'
        operator: 'Include'
        values: ['dataverse-events', 'account-changes']
      }
    ]
    aggregation: 'Minimum'
    window: 'PT15M'
    operator: 'GreaterThan'
    threshold: backlogThreshold
  }
  {
    name: 'bus-throttled'
    description: 'The Service Bus throttles the app: take the Premium tier, or lower the load.'
    severity: 3
    scope: serviceBusId
    namespace: 'Microsoft.ServiceBus/namespaces'
    metric: 'ThrottledRequests'
    dimensions: []
    aggregation: 'Total'
    window: 'PT15M'
    operator: 'GreaterThan'
    threshold: 0
  }
  {
    name: 'storage-down'
    description: 'The storage account answers less than it should; states and mappings are read from it.'
    severity: 2
    scope: storageId
    namespace: 'Microsoft.Storage/storageAccounts'
    metric: 'Availability'
    dimensions: []
    aggregation: 'Average'
    window: 'PT15M'
    operator: 'LessThan'
    threshold: 99
  }
]

resource metricAlerts 'Microsoft.Insights/metricAlerts@2018-03-01' = [
  for rule in metricRules: {
    name: '${prefix}-${rule.name}'
    location: 'global'
    tags: tags
    properties: {
      description: rule.description
      enabled: true
      severity: rule.severity
      scopes: [rule.scope]
      windowSize: rule.window
      evaluationFrequency: 'PT5M'
      autoMitigate: true
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion'
            name: rule.name
            metricNamespace: rule.namespace
            metricName: rule.metric
            dimensions: rule.dimensions
            timeAggregation: rule.aggregation
            operator: rule.operator
            threshold: rule.threshold
          }
        ]
      }
      actions: [
        {
          actionGroupId: actionGroup.id
        }
      ]
    }
  }
]
