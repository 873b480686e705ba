/** Alone, so that the client carries these two and not the rest. */
export const WAIT_MS_MAX = 60_000;
export const DELAY_MS_MAX = 10 * 365 * 86_400_000;

/** Limits on everything, with their reason. Bytes are UTF-8 bytes of the JSON text. */
export const LIMITS = {
  /** Half of the platform's 2 MB row, so that payload, result and error of one task always fit together. */
  payloadBytesMax: 1_048_576,
  resultBytesMax: 524_288,
  errorMessageBytesMax: 4_096,
  errorStackBytesMax: 8_192,
  /** The last errors of a task, each cut to `errorHistoryBytesMax`. */
  errorsMax: 20,
  errorHistoryBytesMax: 512,
  keyBytesMax: 1_024,
  labelBytesMax: 256,
  /** What a domain's gate gives as its reason. */
  gateReasonBytesMax: 256,
  /** How many tasks a gate is asked about again in so many ms; and how often it may say no before a dispatch rests. */
  gateAsksMax: 1_000,
  gateRestMs: 5_000,
  groupBytesMax: 128,
  fairKeyBytesMax: 256,
  progressMessageBytesMax: 256,
  tagsMax: 32,
  tagKeyBytesMax: 64,
  tagValueBytesMax: 256,
  batchTasksMax: 10_000,
  /** Under the 32 MiB of one RPC message. */
  batchBytesMax: 25_165_824,
  /** Of one HTTP request body. */
  requestBytesMax: 8_388_608,
  runTasksMax: 250,
  /** Payloads carried by one run. */
  runBytesMax: 8_388_608,
  /** What one run should take: long enough to pay for its RPC, short enough to recall. */
  runTargetMs: 50,
  waitersMax: 1_000,
  waitMsMax: WAIT_MS_MAX,
  pageMax: 500,
  pageDefault: 50,
  /** Rows that one page of a list may read before it comes back short. */
  pageRowsReadMax: 20_000,
  /** The same of counts by tag: they read an index alone. */
  tagRowsReadMax: 100_000,
  delayMsMax: DELAY_MS_MAX,
  runLeaseMs: 10_000,
  runRenewMs: 3_000,
  /** Results flow back at the end of a run, or this long after the first. */
  settleFlushMs: 25,
  deadManMs: 60_000,
  poisonInterruptionsMax: 3,
  idempotencyMs: 86_400_000,
  /** Of one JSON parameter; the platform's strings end at 2 MB. */
  jsonParameterBytesMax: 1_000_000,
  purgeSlice: 500,
  /** Ids of existing tasks that one call may name; `{ index }` of its own tasks come on top. */
  dependenciesPerCallMax: 1_000,
  dependenciesMax: 5_000,
  /** Rows of one transaction. */
  edgesPerCallMax: 50_000,
  /** Results of dependencies that go along with a task; the rest is asked for one by one. */
  dependencyBytesMax: 4_194_304,
  /** Children of one task, living and ended: `finalize` is handed all of them at once. */
  childrenMax: 100_000,
  /** Tasks that are looked at to find a child that would wait for its own parent. */
  cycleNodesMax: 1_000,
  /** Messages that may follow from a probe for circles over domains. */
  probeMessagesMax: 256,
  /** Tasks in one answer about a graph. */
  graphNodesMax: 1_000,
  keepAtLeastMs: 60_000,
  /** Tasks that one slice of a bulk job acts on, and rows that it reads to find them: submits wait for a slice at most. */
  bulkSlice: 250,
  bulkRowsReadMax: 5_000,
  /** Rows that are read to say how many tasks a bulk action would meet. */
  bulkCountRowsMax: 100_000,
  bulkJobsMax: 32,
  bulkIdsMax: 10_000,
  /** Tasks that it names among those that it could do nothing to. */
  bulkErrorsMax: 10,
  bulkKeepMs: 7 * 86_400_000,
  cancelHookMs: 30_000,
  /** Of a pull worker's lease. */
  leaseMsMin: 5_000,
  leaseMsMax: 12 * 3_600_000,
  leaseMsDefault: 20_000,
  claimsMax: 100,
  claimWaitMsMax: 30_000,
  workerBytesMax: 128,
  /** Messages, and bytes of them, in one delivery to another domain. */
  outboxBatchMax: 100,
  outboxBytesMax: 4_194_304,
  /** How long a delivery is waited for, and after which the alarm looks for what should have gone out at once. */
  outboxCallMs: 30_000,
  outboxWatchMs: 10_000,
  outboxRetryMsMin: 500,
  outboxRetryMsMax: 300_000,
  /** Ends of tasks that one message tells, and bytes of their results. */
  settleTasksMax: 500,
  settleBytesMax: 1_048_576,
} as const;
