metadata description = 'The identity that the app acts with, in Azure as in Dataverse and in the ERP.'

import { Tags } from '../types.bicep'

@description('Name of the identity.')
param name string

@description('Where it is kept.')
param location string

@description('Tags of every resource.')
param tags Tags

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

@description('Resource id, for the resources that act with the identity.')
output id string = identity.id

@description('Client id: what Dataverse and the ERP know the app by.')
output clientId string = identity.properties.clientId

@description('Object id of the service principal, for role assignments.')
output principalId string = identity.properties.principalId
