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

@description('When somebody is told.')
param thresholds AlertThresholds

// Each query answers with one row, whose column Value is compared with the threshold.
var logRules = [
  {
    name: 'guard-tripped'
    description: 'More customers were to be created or blocked within an hour than is allowed. Check what happens in Sales before replaying.'
    severity: 1
    enabled: true
    window: 'PT15M'
    frequency: 'PT5M'
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
    frequency: 'PT5M'
    operator: 'GreaterThan'
    threshold: 0
    query: '''
      AppTraces
      | where Message startswith "set-up is wrong: "
      | summarize Value = count()
    '''
  }
  {
    name: 'breaker'
    description: 'A system fails so often that the app leaves it alone for a while. Work waits, nothing is parked.'
    severity: 2
    enabled: true
    window: 'PT15M'
    frequency: 'PT5M'
    operator: 'GreaterThan'
    threshold: 0
    query: '''
      AppTraces
      | where Message startswith "breaker opened: "
      | summarize Value = count()
    '''
  }
  {
    name: 'defect'
    description: 'An unexpected error: a defect of the app. Its stack is in the log.'
    severity: 2
    enabled: true
    window: 'PT1H'
    frequency: 'PT15M'
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
    description: 'Accounts were parked. "accountsync issues" lists them with what to do.'
    severity: 3
    enabled: true
    window: 'PT1H'
    frequency: 'PT15M'
    operator: 'GreaterThanOrEqual'
    threshold: thresholds.parked
    query: '''
      AppTraces
      | where Message startswith "outcome parked: "
      | parse Message with "outcome " Ending ", account " Account ", operation " *
      | summarize Value = dcount(Account)
    '''
  }
  {
    name: 'oldest'
    description: 'Work has waited for long: a system is down, paused, or too slow, or an account does not come to rest.'
    severity: 2
    enabled: true
    window: 'PT6H'
    frequency: 'PT15M'
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
    frequency: 'PT5M'
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
    frequency: 'PT15M'
    operator: 'GreaterThanOrEqual'
    threshold: thresholds.throttled
    query: '''
      AppTraces
      | where Message startswith "outcome retrying: " and Message has "answered 429"
      | summarize Value = count()
    '''
  }
  {
    name: 'differences'
    description: 'Sales and the ERP differ, or could not be compared to the end. "accountsync reconcile --last" lists what differs with what to do.'
    severity: 3
    enabled: true
    window: 'PT1H'
    frequency: 'PT15M'
    operator: 'GreaterThan'
    threshold: 0
    query: '''
      AppTraces
      | where Message startswith "reconcile found differences: " or Message startswith "reconcile stopped: "
      | summarize Value = count()
    '''
  }
  {
    name: 'not-running'
    description: 'The timer heal, due each minute, has not run: the app does not start, or is stopped.'
    severity: 1
    enabled: true
    window: 'PT15M'
    frequency: 'PT5M'
    operator: 'LessThan'
    threshold: 1
    query: '''
      AppTraces
      | where Message startswith "heal runs"
      | summarize Value = count()
    '''
  }
  {
    name: 'doctor'
    description: 'The check of the set-up found errors: accountsync doctor shows each, with what to do.'
    severity: 2
    enabled: true
    window: 'PT2H'
    frequency: 'PT1H'
    operator: 'GreaterThanOrEqual'
    threshold: 1
    query: '''
      AppTraces
      | where Message startswith "doctor: " and Message has "are errors"
      | summarize Value = count()
    '''
  }
  {
    name: 'events-missing'
    description: 'Only catch-up finds changes in Sales, no event comes in: a step or an endpoint is gone or disabled, or its key is not valid any more. "accountsync registration" shows it.'
    severity: 1
    enabled: true
    window: 'PT1H'
    frequency: 'PT15M'
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
    frequency: 'PT1H'
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
      }
    }
  }
]
