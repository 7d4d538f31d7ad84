metadata description = 'The types of what the templates are given: a wrong name or value is found before a deployment.'

@export()
@description('Tags of a resource, by name.')
type Tags = {
  *: string
}

@export()
@description('Settings of the app, by their names.')
type Settings = {
  *: string
}

@export()
@description('The app\'s further settings; what is left out has the app\'s own default.')
@sealed()
type Tuning = {
  SETTLE_SECONDS: string?
  TRANSACTION_MARGIN_SECONDS: string?
  RETRY_FIRST_SECONDS: string?
  RETRY_CAP_SECONDS: string?
  RETRY_ATTEMPTS: string?
  OPERATOR_RETRY_SECONDS: string?
  LONGEST_REQUEST_SECONDS: string?
  INVOCATION_DEADLINE_SECONDS: string?
  LEASE_MARGIN_SECONDS: string?
  LOAD_PAGE_SIZE: string?
  LOAD_QUEUED_PER_PARTITION: string?
  CURRENCY_CACHE_SECONDS: string?
  QUEUE_WAIT_SECONDS: string?
  BREAKER_FAILURES: string?
  BREAKER_FIRST_SECONDS: string?
  BREAKER_CAP_SECONDS: string?
  BREAKER_LEAST_WAIT_SECONDS: string?
  OPERATIONS_MAX_CONCURRENCY: string?
  MAX_CREATES_PER_HOUR: string?
  MAX_BLOCKS_PER_HOUR: string?
  WRITE_BACK_CUSTOMER_ACCOUNT: string?
  LABEL_LANGUAGE: string?
  RECONCILE_AT: string?
  CATCH_UP_MINUTES: string?
  SILENCE_MINUTES: string?
  OTEL_EXPORTER_OTLP_ENDPOINT: string?
}

@export()
@description('When somebody is told.')
@sealed()
type AlertThresholds = {
  @description('Accounts parked within an hour.')
  parked: int

  @description('Minutes that the oldest account or system may have been waiting.')
  oldestMinutes: int

  @description('Percent of the messages of a quarter of an hour that may end in a retry or parked.')
  @minValue(1)
  @maxValue(100)
  failurePercent: int

  @description('Answers 429 within a quarter of an hour.')
  throttled: int

  @description('Messages waiting in account-changes for a quarter of an hour.')
  backlog: int

  @description('How long no event at all may come in; empty where silence is usual.')
  silenceWindow: '' | 'PT1H' | 'PT6H' | 'P1D' | 'P2D'
}
