using '../main.bicep'

param environmentName = 'dev'
param dataverseUrl = 'https://contoso-dev.crm4.dynamics.com'
param dataverseOrganizationId = 'd0000000-0000-4000-8000-000000000001'
param operationsUrl = 'https://contoso-dev.sandbox.operations.dynamics.com'
param operationsCompany = 'usmf'
param operationsCustomerGroup = '10'
param integrationUserId = ''
param operatorsGroupId = ''
param tags = {
  costCenter: 'integration'
}
param alertEmails = []
param alertThresholds = {
  parked: 10
  oldestMinutes: 120
  failurePercent: 50
  throttled: 10
  backlog: 1000
  silenceWindow: ''
}
param instanceMemoryMB = 512
param logRetentionDays = 30
param logDailyQuotaGb = 1
