metadata description = 'Alerts over the one log line that each event ends in.'

import { AlertThresholds, Tags } from '../types.bicep'

@description('Beginning of the names of the alerts.')
param prefix string

@description('Where the log alerts are kept.')
param location string

@description('Tags of every resource.')
param tags Tags

@description('Resource id of the workspace.')
param workspaceId string

@description('Resource id of the action group.')
param actionGroupId string

@description('Address of the page for on-call engineers; each alert has a section of its name there. Empty for none.')
param runbookBaseUrl string

@description('When somebody is told.')
param thresholds AlertThresholds

// Each query answers with one row, or with one for each value of its dimension. The column Value is compared
// with the threshold. lookBack is how far back the query reads. All read log lines, which leave through the
// host: they hold whatever becomes of the app's own exporter.
var logRules = [
  {
    name: 'guard-tripped'
    description: 'More customers were to be created or blocked within an hour than is allowed. Check what happens in Sales before replaying.'
    severity: 1
    enabled: true
    window: 'PT15M'
    lookBack: 'PT15M'
    frequency: 'PT5M'
    dimension: ''
    operator: 'GreaterThan'
    threshold: 0
    query: '''
      AppTraces
      | where Message startswith "guard tripped: " or Message startswith "outcome parked: GuardTripped"
      | summarize Value = count()
    '''
  }
  {
    name: 'set-up-wrong'
    description: 'A system refuses the app: a role, an address or a company is wrong. Work waits, nothing is parked.'
    severity: 1
    enabled: true
    window: 'PT15M'
    lookBack: 'PT15M'
    frequency: 'PT5M'
    dimension: 'System'
    operator: 'GreaterThan'
    threshold: 0
    query: '''
      AppTraces
      | where Message startswith "set-up is wrong: "
      | extend System = extract("^set-up is wrong: ([a-z-]+)", 1, Message)
      | summarize Value = count() by System
    '''
  }
  {
    name: 'breaker'
    description: 'A system fails so often that the app leaves it alone for a while. Work waits, nothing is parked.'
    severity: 2
    enabled: true
    window: 'PT15M'
    lookBack: 'PT15M'
    frequency: 'PT5M'
    dimension: 'System'
    operator: 'GreaterThan'
    threshold: 0
    query: '''
      AppTraces
      | where Message startswith "breaker opened: "
      | parse Message with "breaker opened: " System ", " *
      | summarize Value = count() by System
    '''
  }
  {
    name: 'defect'
    description: 'An unexpected error: a defect of the app. Its stack is in the log.'
    severity: 2
    enabled: true
    window: 'PT1H'
    lookBack: 'PT1H'
    frequency: 'PT15M'
    dimension: ''
    operator: 'GreaterThan'
    threshold: 0
    query: '''
      AppTraces
      | where Message startswith "unexpected error, account "
      | summarize Value = count()
    '''
  }
  {
    name: 'parked'
    description: 'Accounts were parked for one cause. "accountsync issues" lists them with what to do.'
    severity: 3
    enabled: true
    window: 'PT1H'
    lookBack: 'PT1H'
    frequency: 'PT15M'
    dimension: 'Cause'
    operator: 'GreaterThanOrEqual'
    threshold: thresholds.parked
    query: '''
      AppTraces
      | where Message startswith "outcome parked: "
      | parse Message with "outcome parked: " Cause ", account " Account ", operation " *
      | summarize Value = dcount(Account) by Cause
    '''
  }
  {
    name: 'oldest'
    description: 'Work has waited for long: a system is down, paused, or too slow, or an account does not come to rest.'
    severity: 2
    enabled: true
    window: 'PT15M'
    lookBack: 'PT6H'
    frequency: 'PT15M'
    dimension: ''
    operator: 'GreaterThan'
    threshold: thresholds.oldestMinutes
    query: '''
      AppTraces
      | where Message startswith "waiting: oldest "
      | parse Message with "waiting: oldest " Minutes:long " minutes, " *
      | summarize arg_max(TimeGenerated, Minutes)
      | project Value = iff(isnull(Minutes), 0, Minutes)
    '''
  }
  {
    name: 'failure-rate'
    description: 'Too many messages end in a retry or parked.'
    severity: 2
    enabled: true
    window: 'PT15M'
    lookBack: 'PT15M'
    frequency: 'PT5M'
    dimension: ''
    operator: 'GreaterThan'
    threshold: thresholds.failurePercent
    query: '''
      AppTraces
      | where Message startswith "outcome "
      | summarize Failed = countif(Message startswith "outcome retrying" or Message startswith "outcome parked"), All = count()
      | project Value = iff(All < 20, 0.0, 100.0 * Failed / All)
    '''
  }
  {
    name: 'throttled'
    description: 'Sales or the ERP answers 429: give the app a higher priority there, or it fewer sessions.'
    severity: 3
    enabled: true
    window: 'PT15M'
    lookBack: 'PT15M'
    frequency: 'PT15M'
    dimension: 'System'
    operator: 'GreaterThanOrEqual'
    threshold: thresholds.throttled
    query: '''
      AppTraces
      | where Message startswith "outcome retrying: " and Message has "answered 429"
      | extend System = extract("^outcome retrying: ([a-z-]+)", 1, Message)
      | summarize Value = count() by System
    '''
  }
  {
    name: 'differences'
    description: 'The last comparison of Sales and the ERP found differences, or did not come to its end. "accountsync reconcile --last" lists what differs with what to do.'
    severity: 3
    enabled: true
    window: 'PT1H'
    lookBack: 'P2D'
    frequency: 'PT15M'
    dimension: ''
    operator: 'GreaterThan'
    threshold: 0
    query: '''
      AppTraces
      | where Message startswith "reconcile found " or Message startswith "reconcile stopped: "
      | summarize arg_max(TimeGenerated, Message)
      | project Value = iff(Message startswith "reconcile found differences: " or Message startswith "reconcile stopped: ", 1, 0)
    '''
  }
  {
    name: 'not-running'
    description: 'The timer heal, due each minute, has not run: the app does not start, or is stopped.'
    severity: 1
    enabled: true
    window: 'PT15M'
    lookBack: 'PT15M'
    frequency: 'PT5M'
    dimension: ''
    operator: 'LessThan'
    threshold: 1
    query: '''
      AppTraces
      | where Message startswith "heal runs"
      | summarize Value = count()
    '''
  }
  {
    name: 'not-taken'
    description: 'The app runs but takes no changes: they wait, no system is paused or in trouble, and no check ends. Restart the app; the line in the log has the command.'
    severity: 1
    enabled: true
    window: 'PT15M'
    lookBack: 'PT15M'
    frequency: 'PT5M'
    dimension: ''
    operator: 'GreaterThan'
    threshold: 0
    query: '''
      AppTraces
      | where Message startswith "changes are not taken: "
      | summarize Value = count()
    '''
  }
  {
    name: 'no-telemetry'
    description: 'Spans and metrics of the app do not arrive. Events, log lines and the other alerts do not depend on them.'
    severity: 3
    enabled: true
    window: 'PT1H'
    lookBack: 'PT6H'
    frequency: 'PT15M'
    dimension: ''
    operator: 'GreaterThan'
    threshold: 0
    query: '''
      AppTraces
      | where Message startswith "telemetry is "
      | summarize arg_max(TimeGenerated, Message) by AppRoleInstance
      | summarize Value = countif(Message startswith "telemetry is not exported: ")
    '''
  }
  {
    name: 'doctor'
    description: 'The last check of the set-up found errors: accountsync doctor shows each, with what to do.'
    severity: 2
    enabled: true
    window: 'PT1H'
    lookBack: 'P2D'
    frequency: 'PT15M'
    dimension: ''
    operator: 'GreaterThanOrEqual'
    threshold: 1
    query: '''
      AppTraces
      | where Message startswith "doctor: "
      | summarize arg_max(TimeGenerated, Message)
      | project Value = iff(Message has "are errors", 1, 0)
    '''
  }
  {
    name: 'events-missing'
    description: 'Only catch-up finds changes in Sales, no event comes in: a step or an endpoint is gone or disabled, or its key is not valid any more. "accountsync registration" shows it.'
    severity: 1
    enabled: true
    window: 'PT1H'
    lookBack: 'PT1H'
    frequency: 'PT15M'
    dimension: ''
    operator: 'GreaterThan'
    threshold: 0
    query: '''
      AppTraces
      | where Message startswith "events missing: "
      | summarize Value = count()
    '''
  }
  {
    name: 'silence'
    description: 'No event has come in at all: is the registration in Dataverse still there, and its key still valid?'
    severity: 2
    enabled: !empty(thresholds.silenceWindow)
    window: empty(thresholds.silenceWindow) ? 'P1D' : thresholds.silenceWindow
    lookBack: empty(thresholds.silenceWindow) ? 'P1D' : thresholds.silenceWindow
    frequency: 'PT1H'
    dimension: ''
    operator: 'LessThan'
    threshold: 1
    query: '''
      AppTraces
      | where Message startswith "intake "
      | summarize Value = count()
    '''
  }
]

resource logAlerts 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for rule in logRules: {
    name: '${prefix}-${rule.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: '${prefix} ${rule.name}'
      description: rule.description
      enabled: rule.enabled
      severity: rule.severity
      scopes: [workspaceId]
      windowSize: rule.window
      overrideQueryTimeRange: rule.lookBack
      evaluationFrequency: rule.frequency
      autoMitigate: true
      // Before the first telemetry the table is not there yet.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: rule.query
            metricMeasureColumn: 'Value'
            timeAggregation: 'Maximum'
            dimensions: empty(rule.dimension)
              ? []
              : [
                  {
                    name: rule.dimension
                    operator: 'Include'
                    values: ['*']
                  }
                ]
            operator: rule.operator
            threshold: rule.threshold
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: [actionGroupId]
        customProperties: empty(runbookBaseUrl)
          ? {}
          : {
              runbook: '${runbookBaseUrl}#${rule.name}'
            }
      }
    }
  }
]
