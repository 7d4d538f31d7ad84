// To write to Business Central: copy this over ENVIRONMENT.bicepparam and fill it in.
using '../../main.bicep'

param environmentName = 'prod'
param dataverseUrl = 'https://contoso.crm4.dynamics.com'
param dataverseOrganizationId = 'd0000000-0000-4000-8000-000000000003'
param target = 'business-central'
param businessCentralUrl = 'https://api.businesscentral.dynamics.com/v2.0/contoso.com/production'
param businessCentralCompany = 'CRONUS USA, Inc.'
param businessCentralSignIn = 'secret'
param businessCentralClientId = 'd0000000-0000-4000-8000-000000000010'
param integrationUserId = ''
param operatorsGroupId = ''
param tags = {
  costCenter: 'integration'
  criticality: 'high'
}
param alertEmails = [
  'integration@contoso.com'
  'oncall@contoso.com'
]
param alertThresholds = {
  parked: 1
  oldestMinutes: 30
  failurePercent: 20
  throttled: 10
  backlog: 1000
  silenceWindow: 'P1D'
}
param storageSku = 'Standard_ZRS'
param zoneRedundant = true
param alwaysReadyInstances = 2
param logRetentionDays = 90
param logDailyQuotaGb = 20
param tuning = {
  MAX_CREATES_PER_HOUR: '500'
  MAX_BLOCKS_PER_HOUR: '100'
}
