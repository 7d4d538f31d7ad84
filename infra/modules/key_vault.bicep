metadata description = 'What is left secret: two keys, made here, and what a person puts in to sign in to the ERP.'

import { Tags } from '../types.bicep'

@description('Name of the vault.')
@minLength(3)
@maxLength(24)
param name string

@description('Where it is kept.')
param location string

@description('Tags of every resource.')
param tags Tags

@description('The key under which sent values are remembered as hashes.')
@secure()
param fingerprintKey string

@description('The key that makes the function health tell more.')
@secure()
param healthKey string

@description('Where audit logs go.')
param workspaceId string

resource vault 'Microsoft.KeyVault/vaults@2026-02-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: subscription().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enableSoftDelete: true
    enablePurgeProtection: true
    softDeleteRetentionInDays: 90
    // The references of the app settings are resolved by the platform, from outside any network of ours.
    publicNetworkAccess: 'Enabled'
  }
}

// A deployment makes a key where there is none and leaves alone what is there: a new fingerprint key would
// have every customer looked at again.
@onlyIfNotExists()
resource fingerprint 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = {
  parent: vault
  name: 'fingerprint-key'
  properties: {
    value: fingerprintKey
    contentType: 'text/plain'
  }
}

@onlyIfNotExists()
resource health 'Microsoft.KeyVault/vaults/secrets@2026-02-01' = {
  parent: vault
  name: 'health-key'
  properties: {
    value: healthKey
    contentType: 'text/plain'
  }
}

// Nothing newer is stable.
#disable-next-line use-recent-api-versions
resource diagnostics 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: vault
  name: 'to-workspace'
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'AuditEvent'
        enabled: true
      }
    ]
  }
}

@description('Name of the vault.')
output name string = vault.name

@description('Where the app setting FINGERPRINT_KEY refers to: an address, not the secret.')
output fingerprintKeyUri string = '${vault.properties.vaultUri}secrets/fingerprint-key'

@description('Where the app setting HEALTH_KEY refers to: an address, not the secret.')
output healthKeyUri string = '${vault.properties.vaultUri}secrets/health-key'

// What signs in to the ERP is put in by a person and is never seen by a deployment: only its address is known.

@description('Where the app setting BUSINESS_CENTRAL_CLIENT_SECRET refers to: an address, not the secret.')
output businessCentralSecretUri string = '${vault.properties.vaultUri}secrets/business-central-client-secret'

@description('Where the app setting BUSINESS_CENTRAL_CERTIFICATE refers to: an address, not the certificate.')
output businessCentralCertificateUri string = '${vault.properties.vaultUri}secrets/business-central-certificate'

@description('Where the app setting NAV_ACCESS_KEY refers to: an address, not the key.')
output navAccessKeyUri string = '${vault.properties.vaultUri}secrets/nav-access-key'
