// For azd, which deploys this file and what `azd env set` was told.
using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME')
param location = readEnvironmentVariable('AZURE_LOCATION')
param dataverseUrl = readEnvironmentVariable('DATAVERSE_URL')
param dataverseOrganizationId = readEnvironmentVariable('DATAVERSE_ORGANIZATION_ID')
param operationsUrl = readEnvironmentVariable('OPERATIONS_URL')
param operationsCompany = readEnvironmentVariable('OPERATIONS_COMPANY')
param operationsCustomerGroup = readEnvironmentVariable('OPERATIONS_CUSTOMER_GROUP')
param integrationUserId = readEnvironmentVariable('INTEGRATION_USER_ID', '')
param operatorsGroupId = readEnvironmentVariable('OPERATORS_GROUP_ID', '')
