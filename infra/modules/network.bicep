metadata description = 'A network of the app\'s own: outgoing traffic, and private endpoints of what it uses.'

import { Tags } from '../types.bicep'

@description('Name of the network.')
param name string

@description('Where it is.')
param location string

@description('Tags of every resource.')
param tags Tags

@description('Addresses of the network, as a range of 256 or more.')
param addressPrefix string

@description('DNS servers of the network; empty for Azure\'s.')
param dnsServers string[]

@description('Resource id of the storage account.')
param storageId string

@description('Resource id of the Service Bus namespace.')
param serviceBusId string

@description('Whether the Service Bus gets a private endpoint; only a Premium one can have it.')
param withServiceBus bool

var storageSuffix = environment().suffixes.storage
var endpoints = [
  {
    name: 'blob'
    target: storageId
    zone: 'privatelink.blob.${storageSuffix}'
  }
  {
    name: 'table'
    target: storageId
    zone: 'privatelink.table.${storageSuffix}'
  }
]
var serviceBusEndpoints = withServiceBus
  ? [
      {
        name: 'namespace'
        target: serviceBusId
        zone: 'privatelink.servicebus.windows.net'
      }
    ]
  : []
var allEndpoints = concat(endpoints, serviceBusEndpoints)

resource network 'Microsoft.Network/virtualNetworks@2025-05-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    addressSpace: {
      addressPrefixes: [addressPrefix]
    }
    dhcpOptions: {
      dnsServers: dnsServers
    }
    subnets: [
      {
        name: 'app'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 0)
          delegations: [
            {
              name: 'flex-consumption'
              properties: {
                serviceName: 'Microsoft.App/environments'
              }
            }
          ]
        }
      }
      {
        name: 'endpoints'
        properties: {
          addressPrefix: cidrSubnet(addressPrefix, 26, 1)
          privateEndpointNetworkPolicies: 'Disabled'
        }
      }
    ]
  }
}

resource appSubnet 'Microsoft.Network/virtualNetworks/subnets@2025-05-01' existing = {
  parent: network
  name: 'app'
}

resource endpointSubnet 'Microsoft.Network/virtualNetworks/subnets@2025-05-01' existing = {
  parent: network
  name: 'endpoints'
}

resource zones 'Microsoft.Network/privateDnsZones@2024-06-01' = [
  for endpoint in allEndpoints: {
    name: endpoint.zone
    location: 'global'
    tags: tags
  }
]

resource zoneLinks 'Microsoft.Network/privateDnsZones/virtualNetworkLinks@2024-06-01' = [
  for (endpoint, index) in allEndpoints: {
    parent: zones[index]
    name: 'to-${name}'
    location: 'global'
    tags: tags
    properties: {
      registrationEnabled: false
      virtualNetwork: {
        id: network.id
      }
    }
  }
]

resource privateEndpoints 'Microsoft.Network/privateEndpoints@2025-05-01' = [
  for endpoint in allEndpoints: {
    name: '${name}-${endpoint.name}'
    location: location
    tags: tags
    properties: {
      subnet: {
        id: endpointSubnet.id
      }
      privateLinkServiceConnections: [
        {
          name: endpoint.name
          properties: {
            privateLinkServiceId: endpoint.target
            groupIds: [endpoint.name]
          }
        }
      ]
    }
  }
]

resource zoneGroups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-05-01' = [
  for (endpoint, index) in allEndpoints: {
    parent: privateEndpoints[index]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: endpoint.name
          properties: {
            privateDnsZoneId: zones[index].id
          }
        }
      ]
    }
  }
]

@description('Subnet of the app\'s outgoing traffic.')
output appSubnetId string = appSubnet.id
