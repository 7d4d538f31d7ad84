metadata description = 'Who is told of what: alerts over the metrics of the queues and of the storage, and the log alerts.'

import { AlertThresholds, Tags } from '../types.bicep'

@description('Name of the action group.')
param actionGroupName string

@description('Beginning of the names of the alerts.')
param prefix string

@description('Where the log alerts are kept.')
param location string

@description('Tags of every resource.')
param tags Tags

@description('Who is sent an e-mail.')
param emails string[]

@description('Resource id of the workspace.')
param workspaceId string

@description('Resource id of the Service Bus namespace.')
param serviceBusId string

@description('Resource id of the storage account.')
param storageId string

@description('Resource id of the Logic App that posts the alerts to a channel of Teams; empty for none.')
param logicAppId string

@description('Address at which that Logic App is called.')
@secure()
param logicAppCallbackUrl string

@description('Address of the page for on-call engineers; each alert has a section of its name there. Empty for none.')
param runbookBaseUrl string

@description('When somebody is told.')
param thresholds AlertThresholds

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
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
    logicAppReceivers: empty(logicAppId)
      ? []
      : [
          {
            name: 'teams'
            resourceId: logicAppId
            callbackUrl: logicAppCallbackUrl
            useCommonAlertSchema: true
          }
        ]
  }
}

module logAlerts 'log_alerts.bicep' = {
  params: {
    prefix: prefix
    location: location
    tags: tags
    workspaceId: workspaceId
    actionGroupId: actionGroup.id
    runbookBaseUrl: runbookBaseUrl
    thresholds: thresholds
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
        values: ['dataverse-events', 'account-changes', 'load-pages']
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
    threshold: thresholds.backlog
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

resource metricAlerts 'Microsoft.Insights/metricAlerts@2026-01-01' = [
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
      customProperties: empty(runbookBaseUrl)
        ? {}
        : {
            runbook: '${runbookBaseUrl}#${rule.name}'
          }
    }
  }
]
