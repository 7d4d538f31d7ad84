using '../main.bicep'

param environmentName = 'test'
param dataverseUrl = 'https://contoso-test.crm4.dynamics.com'
param dataverseOrganizationId = 'd0000000-0000-4000-8000-000000000002'
param operationsUrl = 'https://contoso-test.sandbox.operations.dynamics.com'
param operationsCompany = 'usmf'
param operationsCustomerGroup = '10'
param integrationUserId = ''
param operatorsGroupId = ''
param tags = {
  costCenter: 'integration'
}
param alertEmails = [
  'integration@contoso.com'
]
param alertThresholds = {
  parked: 5
  oldestMinutes: 60
  failurePercent: 20
  throttled: 10
  backlog: 1000
  silenceWindow: ''
}
param logRetentionDays = 30
param logDailyQuotaGb = 5
