// Alerts on the coordinator's own metrics, and one on the broker's, which still comes when the coordinator is silent.

@description('What the names of the rules begin with.')
param namePrefix string

@description('Name of the action group.')
param actionGroupName string

@description('Region.')
param location string

@description('Tags.')
param tags object

@description('The workspace that has the metrics.')
param workspaceResourceId string

@description('The broker.')
param namespaceResourceId string

@description('Who gets mail; empty: alerts only show in the portal.')
param emailAddresses string[]

var rules = [
  {
    name: 'round-failed'
    displayName: 'A round failed'
    description: 'Rounds ended without a result. fedcloud run show names the reason.'
    severity: 2
    query: 'AppMetrics | where Name == "fedcloud.round.failed" | summarize Value = sum(Sum) by bin(TimeGenerated, 5m)'
    timeAggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 0
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
  }
  {
    name: 'dead-letters'
    displayName: 'Mailboxes have dead letters'
    description: 'Messages were put aside: forged, malformed, or delivered ten times in vain.'
    severity: 2
    query: 'AppMetrics | where Name == "fedcloud.mailbox.dead_letters" | summarize Value = max(Max) by bin(TimeGenerated, 5m)'
    timeAggregation: 'Maximum'
    operator: 'GreaterThan'
    threshold: 0
    evaluationFrequency: 'PT15M'
    windowSize: 'PT30M'
  }
  {
    name: 'key-near-expiry'
    displayName: 'A key ends within 30 days'
    description: 'A signing key that ends stops the federation. docs/azure.md says what to do.'
    severity: 1
    query: 'AppMetrics | where Name == "fedcloud.key.expires_in" | summarize Value = min(Min) by bin(TimeGenerated, 1h)'
    timeAggregation: 'Minimum'
    operator: 'LessThan'
    threshold: 30
    evaluationFrequency: 'PT6H'
    windowSize: 'P1D'
  }
  {
    name: 'ledger-refused'
    displayName: 'A privacy ledger refused'
    description: 'A silo\'s budget does not admit what a run would spend.'
    severity: 3
    query: 'AppMetrics | where Name == "fedcloud.ledger.refused" | summarize Value = sum(Sum) by bin(TimeGenerated, 5m)'
    timeAggregation: 'Total'
    operator: 'GreaterThan'
    threshold: 0
    evaluationFrequency: 'PT15M'
    windowSize: 'PT30M'
  }
]

resource actionGroup 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: actionGroupName
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'FedCloud'
    emailReceivers: map(emailAddresses, (address, index) => {
      name: 'mail-${index}'
      emailAddress: address
      useCommonAlertSchema: true
    })
  }
}

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in rules: {
    name: '${namePrefix}${rule.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: rule.displayName
      description: rule.description
      severity: rule.severity
      enabled: true
      scopes: [workspaceResourceId]
      evaluationFrequency: rule.evaluationFrequency
      windowSize: rule.windowSize
      // The table has no rows before the first telemetry.
      skipQueryValidation: true
      autoMitigate: true
      criteria: {
        allOf: [
          {
            query: rule.query
            metricMeasureColumn: 'Value'
            timeAggregation: rule.timeAggregation
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
        actionGroups: [actionGroup.id]
      }
    }
  }
]

resource brokerDeadLetters 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: '${namePrefix}broker-dead-letters'
  location: 'global'
  tags: tags
  properties: {
    description: 'The broker counts dead letters in a queue. It says so too when the coordinator is not there.'
    severity: 2
    enabled: true
    scopes: [namespaceResourceId]
    evaluationFrequency: 'PT15M'
    windowSize: 'PT1H'
    autoMitigate: true
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'dead-letters'
          metricNamespace: 'Microsoft.ServiceBus/namespaces'
          metricName: 'DeadletteredMessages'
          operator: 'GreaterThan'
          threshold: 0
          timeAggregation: 'Maximum'
          dimensions: [
            {
              name: 'EntityName'
              operator: 'Include'
              values: ['*']
            }
          ]
        }
      ]
    }
    actions: [
      {
        actionGroupId: actionGroup.id
      }
    ]
  }
}
