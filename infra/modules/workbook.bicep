metadata description = 'A workbook that shows the pipeline: what came in, how it ended, what waits, what is parked.'

import { Tags } from '../types.bicep'

@description('Name that is shown.')
param displayName string

@description('Where it is kept.')
param location string

@description('Tags of every resource.')
param tags Tags

@description('Resource id of the workspace.')
param workspaceId string

@description('Resource id of the Service Bus namespace.')
param serviceBusId string

var template = loadTextContent('../workbook.json')

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'account-sync-workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    category: 'workbook'
    displayName: displayName
    sourceId: workspaceId
    version: '1.0'
    serializedData: replace(replace(template, '__WORKSPACE__', workspaceId), '__SERVICE_BUS__', serviceBusId)
  }
}
